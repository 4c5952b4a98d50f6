"""`python -m lab.cluster up|down|status|env`: the cluster with nothing on it, left running until it is taken down."""

import sys
import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from lab.cluster.argocd import READER, WRITER
from lab.cluster.cluster import Cluster
from lab.cluster.plan import EVERYTHING, PartName
from lab.cluster.terminal import DEFAULT, RunDir, console, leave_running, look_around, starting, tick

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def up(
    run_dir: RunDir = DEFAULT,
    part: Annotated[list[str] | None, typer.Option(help="Only this part, and those named likewise.")] = None,
) -> None:
    """Start the cluster and say how to look around; what runs already makes it an error."""
    cluster = Cluster(run_dir, parts=_known(part or EVERYTHING), say=tick)
    began = time.monotonic()
    with starting(cluster), cluster:
        look_around(cluster, began)
        console.print('eval "$(python -m lab.cluster env)"   # settings for triagent')
        leave_running()


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
        "TRIAGE_ARGOCD__TOKEN": cluster.argocd.account_token(READER),
        "TRIAGE_ARGOCD__WRITE_TOKEN": cluster.argocd.account_token(WRITER),
        "TRIAGE_TEMPORAL__ADDRESS": cluster.temporal,
        "TRIAGE_DATABASE__URL": f"{cluster.database}/postgres",
    }


def _known(names: Sequence[str]) -> Sequence[PartName]:
    known: list[PartName] = [name for name in EVERYTHING if name in names]
    if len(known) != len(set(names)):
        raise typer.BadParameter(f"known are {', '.join(EVERYTHING)}")
    return known


if __name__ == "__main__":
    sys.exit(app())
