"""`python -m lab.cluster up|down|status|env`: the whole cluster, left running until it is taken down."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lab.cluster.cluster import Cluster
from lab.cluster.plan import EVERYTHING, PartName
from lab.parts import PartError
from lab.process import ServerError

app = typer.Typer(add_completion=False, help=__doc__)
console = Console(highlight=False, soft_wrap=True)

RunDir = Annotated[Path, typer.Option(help="Where data, credentials, logs and ports are kept.")]
DEFAULT = Path(".lab")


@app.command()
def up(
    run_dir: RunDir = DEFAULT,
    part: Annotated[list[str] | None, typer.Option(help="Only this part, and those named likewise.")] = None,
) -> None:
    """Start the cluster and say how to look around; what runs already makes it an error."""
    cluster = Cluster(run_dir, parts=_known(part or EVERYTHING), say=_tick)
    running = cluster.ledger.running()
    if running:
        console.print(f"[red]✗[/] {', '.join(running)} run already: take them down first")
        raise typer.Exit(1)
    began = time.monotonic()
    try:
        cluster.up()
    except (PartError, ServerError) as exc:
        console.print(f"[red]✗[/] {exc}\n  logs: {cluster.run_dir / 'logs'}")
        raise typer.Exit(1) from exc
    console.print(f"[bold green]✓[/] up after {time.monotonic() - began:.1f} s\n")
    _look_around(cluster)
    console.file.flush()
    os._exit(0)  # the servers stay: nothing may end them on the way out


@app.command()
def down(run_dir: RunDir = DEFAULT) -> None:
    """End what `up` started, by process id and start time; data and logs stay."""
    ended = Cluster(run_dir).ledger.end_all() if run_dir.exists() else []
    console.print(f"ended {', '.join(ended)}" if ended else "nothing was running")


@app.command()
def status(run_dir: RunDir = DEFAULT) -> None:
    """What runs, its process id and memory."""
    table = Table("part", "pid", "MiB")
    for name, tracked in (Cluster(run_dir).ledger.running() if run_dir.exists() else {}).items():
        table.add_row(name, str(tracked.pid), str(tracked.memory // 2**20))
    console.print(table if table.row_count else "nothing is running")


@app.command()
def env(run_dir: RunDir = DEFAULT) -> None:
    """Settings to run the product on the cluster, as shell exports."""
    cluster = Cluster(run_dir)
    for name, value in settings(cluster).items():
        print(f"export {name}={value}")  # noqa: T201 - to be read by a shell


def settings(cluster: Cluster) -> dict[str, str]:
    """The product's settings that lead to the cluster, with the administrator's identity for Kubernetes."""
    return {
        "KUBECONFIG": str(cluster.kubeconfig()),
        "TRIAGE_KUBERNETES__KUBECONFIG": str(cluster.kubeconfig()),
        "TRIAGE_PROMETHEUS__URL": cluster.prometheus,
        "TRIAGE_ALERTMANAGER__URL": cluster.alertmanager,
        "TRIAGE_ARGOCD__URL": cluster.argocd.url,
        "TRIAGE_ARGOCD__TOKEN": cluster.argocd.account_token("triage-read"),
        "TRIAGE_ARGOCD__WRITE_TOKEN": cluster.argocd.account_token("triage-write"),
        "TRIAGE_TEMPORAL__ADDRESS": cluster.temporal,
        "TRIAGE_DATABASE__URL": f"{cluster.database}/postgres",
    }


def _look_around(cluster: Cluster) -> None:
    running = cluster.ledger.running()
    places = {
        "kube-apiserver": ("kubeconfig", str(cluster.kubeconfig())),
        "argocd-server": ("Argo CD", f"{cluster.argocd.url} (user admin)"),
        "prometheus": ("Prometheus", cluster.prometheus),
        "alertmanager": ("Alertmanager", cluster.alertmanager),
        "temporal": ("Temporal", cluster.temporal),
        "postgresql": ("PostgreSQL", cluster.database),
    }
    for name, (title, where) in places.items():
        if name in running:
            console.print(f"{title:<13} {where}")
    console.print(f"{'audit log':<13} {cluster.audit.path}\n{'logs':<13} {cluster.run_dir / 'logs'}\n")
    console.print(f"export KUBECONFIG={cluster.kubeconfig()}\nkubectl get nodes")
    console.print('eval "$(python -m lab.cluster env)"   # settings for triagent')
    console.print("make lab-down                         # ends it")


def _tick(text: str) -> None:
    console.print(f"[green]✓[/] {text}")


def _known(names: Sequence[str]) -> Sequence[PartName]:
    known: list[PartName] = [name for name in EVERYTHING if name in names]
    if len(known) != len(set(names)):
        raise typer.BadParameter(f"known are {', '.join(EVERYTHING)}")
    return known


if __name__ == "__main__":
    sys.exit(app())
