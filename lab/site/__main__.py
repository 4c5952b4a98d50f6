"""`python -m lab.site up|env|strike|mend`: the cluster with the shop on it, and what can happen to it.

`python -m lab.cluster status|down` knows what `up` started.
"""

import secrets
import sys
import time
from typing import Annotated

import typer
from rich.table import Table

from lab.cluster import Cluster
from lab.cluster.plan import EVERYTHING
from lab.cluster.terminal import DEFAULT, RunDir, console, leave_running, look_around, starting, tick
from lab.process import Servers
from lab.servers import Webhook
from lab.site.incidents import INCIDENTS, Incident
from lab.site.stack import SiteStack, put_site, running_stack, site_of

API = "http://127.0.0.1:8080"

app = typer.Typer(add_completion=False, help=__doc__)
Name = Annotated[str, typer.Argument(help="Which incident; `list` shows them.")]


@app.command()
def up(
    run_dir: RunDir = DEFAULT,
    api: Annotated[str, typer.Option(help="The product's API, which Alertmanager posts to.")] = API,
) -> None:
    """Start the cluster with the shop on it and say how to look around; what runs already makes it an error."""
    cluster = Cluster(run_dir, parts=EVERYTHING, say=tick)
    began = time.monotonic()
    with starting(cluster), cluster, Servers(cluster.run_dir / "logs") as servers:
        webhook = Webhook(f"{api}/alerts/alertmanager", cluster.run_dir / "credentials" / "alertmanager.token")
        webhook.token_file.touch(mode=0o600)
        webhook.token_file.write_text(secrets.token_urlsafe(24))
        stack = put_site(cluster, servers, webhook, tick)
        cluster.ledger.record("traffic", stack.site.traffic.pid)
        look_around(cluster, began)
        _next_steps(stack)
        leave_running()


@app.command()
def env(run_dir: RunDir = DEFAULT) -> None:
    """Settings to run the product on the site, as shell exports, with identities of its own."""
    cluster = Cluster(run_dir)
    settings = {
        "KUBECONFIG": str(cluster.kubeconfig()),
        "TRIAGE_API__BOOTSTRAP_TOKEN": (cluster.run_dir / "credentials" / "alertmanager.token").read_text(),
        "TRIAGE_TEMPORAL__ADDRESS": cluster.temporal,
        "TRIAGE_DATABASE__URL": f"{cluster.database}/postgres",
        **running_stack(cluster).settings,
    }
    for name, value in settings.items():
        print(f"export {name}={value}")  # noqa: T201 - to be read by a shell


@app.command(name="list")
def show() -> None:
    """What can happen to the shop."""
    table = Table("name", "what happens", "service", box=None)
    for incident in INCIDENTS:
        table.add_row(incident.name, incident.sentence, incident.service)
    console.print(table)


@app.command()
def strike(name: Name, run_dir: RunDir = DEFAULT) -> None:
    """Let it happen."""
    incident = _known(name)
    incident.strike(site_of(Cluster(run_dir)))
    tick(incident.sentence)


@app.command()
def mend(name: Name, run_dir: RunDir = DEFAULT) -> None:
    """Put everything back, whatever was done about it meanwhile."""
    incident = _known(name)
    incident.mend(site_of(Cluster(run_dir)))
    tick(f"{incident.service} is as it was")


def _next_steps(stack: SiteStack) -> None:
    console.print("kubectl get deployments,hpa --namespace=shop")
    console.print(f"curl {stack.site.traffic.control}/state          # the programs in the pods")
    console.print('eval "$(python -m lab.site env)"; triagent up     # the product, on this')
    console.print("python -m lab.site strike bad-release            # `list` shows what else can happen")
    console.print("make lab-down                                    # ends it")


def _known(name: str) -> Incident:
    found = {incident.name: incident for incident in INCIDENTS}
    if name not in found:
        raise typer.BadParameter(f"known are {', '.join(found)}")
    return found[name]


if __name__ == "__main__":
    sys.exit(app())
