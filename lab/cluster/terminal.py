"""What the lab's commands share at the terminal: the run directory, progress, what to look at afterwards."""

import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from lab.cluster.cluster import Cluster
from lab.parts import PartError, part
from lab.process import ServerError

RunDir = Annotated[Path, typer.Option(help="Where data, credentials, logs and ports are kept.")]
DEFAULT = Path(".lab")

console = Console(highlight=False, soft_wrap=True)


def tick(text: str) -> None:
    """Say that something is done."""
    console.print(f"[green]✓[/] {text}")


@contextmanager
def starting(cluster: Cluster) -> Generator[None]:
    """A start that can go wrong: what runs already makes it an error; errors are one line, and say where the logs are.

    Raises `typer.Exit`.
    """
    running = cluster.ledger.running()
    if running:
        console.print(f"[red]✗[/] {', '.join(running)} run already: take them down first")
        raise typer.Exit(1)
    try:
        yield
    except (PartError, ServerError) as exc:
        console.print(f"[red]✗[/] {exc}\n  logs: {cluster.run_dir / 'logs'}")
        raise typer.Exit(1) from exc


def look_around(cluster: Cluster, began: float) -> None:
    """Say where everything is; `began` is the monotonic moment of the start."""
    console.print(f"[bold green]✓[/] up after {time.monotonic() - began:.1f} s\n")
    running = cluster.ledger.running()
    places = {
        "kube-apiserver": ("kubeconfig", str(cluster.kubeconfig())),
        "argocd-server": ("Argo CD", cluster.argocd.url + _sign_in(cluster)),
        "prometheus": ("Prometheus", cluster.prometheus),
        "alertmanager": ("Alertmanager", cluster.alertmanager),
        "temporal": ("Temporal", cluster.temporal),
        "postgresql": ("PostgreSQL", cluster.database),
    }
    for name, (title, where) in places.items():
        if name in running:
            console.print(f"{title:<13} {where}")
    console.print(f"{'audit log':<13} {cluster.audit.path}\n{'logs':<13} {cluster.run_dir / 'logs'}\n")
    if shutil.which("kubectl") is None:
        console.print(f"export PATH=$PATH:{part('kubectl').parent}")
    console.print(f"export KUBECONFIG={cluster.kubeconfig()}\nkubectl get nodes")


def _sign_in(cluster: Cluster) -> str:
    runs = "argocd-server" in cluster.ledger.running()
    return f" (user admin, password {cluster.argocd.admin_password()})" if runs else ""


def leave_running() -> NoReturn:
    """End this process and nothing else: the servers stay."""
    console.file.flush()
    os._exit(0)
