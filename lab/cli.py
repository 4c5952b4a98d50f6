"""`triagent demo`."""

import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.text import Text

from lab.demo.api import Api, DemoError
from lab.demo.control import Control
from lab.demo.product import TRIAGENT, Product, start_product
from lab.demo.reviewer import Reviewer
from lab.demo.script import Script
from lab.demo.stack import Stack, product_settings, start_stack
from lab.parts import PartError
from lab.process import ServerError, Servers, free_port, interruptible
from lab.servers import Webhook

LOG_WIDTH = 120
"""Columns when the output goes to a log and nobody knows its width: a plan's digest fits on a line."""

demo = typer.Typer(add_completion=False)


@demo.command()
def run(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running until Ctrl-C and say what to try.")
    ] = False,
) -> None:
    """Play the main job on a demo shop: real Temporal, Prometheus and Alertmanager; alert to documented fix."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = LOG_WIDTH
    data_dir = Path(tempfile.mkdtemp(prefix="triagent-demo-"))
    try:
        with interruptible(), Servers(data_dir / "logs") as servers:
            _play(servers, data_dir, console, keep=keep)
    except (DemoError, PartError, ServerError, httpx.HTTPError) as exc:
        console.print(Text.assemble(("✗ ", "red"), f"{exc}\n  logs: {data_dir / 'logs'}"), soft_wrap=True)
        raise typer.Exit(1) from exc
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    shutil.rmtree(data_dir)


def _play(servers: Servers, data_dir: Path, console: Console, *, keep: bool) -> None:
    started = time.monotonic()
    port = free_port()
    token_file = data_dir / "alertmanager.token"
    console.print("starting the shop, Prometheus, Alertmanager, Temporal and triagent")
    stack = start_stack(servers, data_dir, Webhook(f"http://127.0.0.1:{port}/alerts/alertmanager", token_file))
    product = start_product(servers, data_dir / "triagent", product_settings(stack), port=port)
    token_file.write_text(product.issue_token("alertmanager", scopes=("alerts:write",)))
    reviewing = product.issue_token("reviewer", scopes=("incidents:read", "incidents:decide"), roles=("approver",))
    api = Api(product.url, reviewing)
    control = Control(stack.shop.control, stack.prometheus)
    Script(console, control, api, Reviewer(api, console)).play()
    console.print(f"[bold green]✓[/] the whole demo took {time.monotonic() - started:.0f} s")
    if keep:
        _keep(stack, product, console)


def _keep(stack: Stack, product: Product, console: Console) -> None:
    console.print(
        f"""
triagent      {product.url}
Prometheus    {stack.prometheus}
Alertmanager  {stack.alertmanager}
shop control  {stack.shop.control}
kubeconfig    {stack.shop.kubeconfig}

export TRIAGE_URL={product.url} TRIAGE_TOKEN={product.admin_token}
{TRIAGENT} incidents
{TRIAGENT} ask "why is checkout slow?"
curl -X POST {stack.shop.control}/failures/bad-release -H 'Content-Type: application/json' -d '{{"service": "cart"}}'

Ctrl-C ends everything.""",
        soft_wrap=True,
    )
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("stopping")
