"""The shop, Prometheus with its alert rules, Alertmanager posting to the product: `python -m lab.demo.stack`."""

import secrets
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict
from rich.console import Console

from lab.process import Servers, free_port, interruptible
from lab.servers import PrometheusOptions, Scrape, Webhook, alertmanager, prometheus

ALERT_RULES = Path(__file__).with_name("shop-alerts.yml")


class Shop(BaseModel):
    """Where the running shop answers, as its ready line says."""

    model_config = ConfigDict(frozen=True)

    kubernetes: str
    argocd: str
    tempo: str
    metrics: str
    control: str
    kubeconfig: Path
    argocd_read_token: str
    argocd_write_token: str
    pid: int


@dataclass(frozen=True)
class Stack:
    """All that surrounds the product: URLs, and the shop's addresses."""

    shop: Shop
    prometheus: str
    alertmanager: str


def start_stack(
    servers: Servers, data_dir: Path, webhook: Webhook, *, seed: int = 1, past_minutes: float = 8.0
) -> Stack:
    """Start everything around the product; Alertmanager posts to `webhook` whether it listens yet or not.

    Prometheus begins with the shop's last `past_minutes`, which take about a second each to simulate.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    metrics_port, history = free_port(), data_dir / "history.om"
    target = f"127.0.0.1:{metrics_port}"
    past = servers.start("history", _recording(history, target, seed, past_minutes))
    shop = start_shop(servers, data_dir / "shop", seed=seed, metrics_port=metrics_port)
    notifier = alertmanager(servers, data_dir / "alertmanager", webhook)
    past.finish(within=180)
    options = PrometheusOptions(
        scrape=(Scrape("shop", target),), rules=(ALERT_RULES,), alertmanager=notifier.address, history=history
    )
    metrics = prometheus(servers, data_dir / "prometheus", options)
    return Stack(shop=shop, prometheus=metrics.address, alertmanager=notifier.address)


def start_shop(servers: Servers, data_dir: Path, *, seed: int, metrics_port: int) -> Shop:
    """Start the demo shop, its other ports being any free ones; `seed` makes its traffic and names repeatable."""
    data_dir.mkdir(parents=True, exist_ok=True)
    ports = ["--metrics-port", str(metrics_port)]
    argv = [sys.executable, "-m", "lab.shop", "--data-dir", data_dir, "--seed", str(seed), *ports]
    return Shop.model_validate_json(servers.start("shop", argv).first_line(within=60))


def _recording(out: Path, instance: str, seed: int, minutes: float) -> list[str | Path]:
    where = ["--out", out, "--instance", instance]
    return [sys.executable, "-m", "lab.demo.history", *where, "--seed", str(seed), "--minutes", str(minutes)]


def product_settings(stack: Stack) -> dict[str, str]:
    """The settings with which the product works on the stack: reads by one identity, writes by another."""
    return {
        "TRIAGE_PROMETHEUS__URL": stack.prometheus,
        "TRIAGE_ALERTMANAGER__URL": stack.alertmanager,
        "TRIAGE_TEMPO__URL": stack.shop.tempo,
        "TRIAGE_ARGOCD__URL": stack.shop.argocd,
        "TRIAGE_ARGOCD__TOKEN": stack.shop.argocd_read_token,
        "TRIAGE_ARGOCD__WRITE_TOKEN": stack.shop.argocd_write_token,
        "TRIAGE_KUBERNETES__KUBECONFIG": str(stack.shop.kubeconfig),
        "TRIAGE_KUBERNETES__CONTEXT": "shop-read",
        "TRIAGE_KUBERNETES__WRITE_CONTEXT": "shop-write",
        "TRIAGE_PAGER__WEBHOOK_URL": f"{stack.shop.control}/pages",
    }


def main(
    data_dir: Annotated[Path, typer.Option(help="Where configuration, data and logs go.")] = Path(".triagent/stack"),
    api: Annotated[str, typer.Option(help="The product's API, which Alertmanager posts to.")] = "http://127.0.0.1:8080",
) -> None:
    """Run the shop, Prometheus and Alertmanager until Ctrl-C; print the settings to run the product on them."""
    console = Console(highlight=False, soft_wrap=True)
    token = secrets.token_urlsafe(24)
    data_dir.mkdir(parents=True, exist_ok=True)
    token_file = data_dir / "alertmanager.token"
    token_file.write_text(token)
    with interruptible(), Servers(data_dir / "logs") as servers:
        stack = start_stack(servers, data_dir, Webhook(f"{api}/alerts/alertmanager", token_file))
        console.print(
            f"shop control  {stack.shop.control}\nlogs          {servers.log_dir}\n\nsettings for `triagent up`:"
        )
        for name, value in (product_settings(stack) | {"TRIAGE_API__BOOTSTRAP_TOKEN": token}).items():
            console.print(f"export {name}={value}")
        console.print("\nCtrl-C ends it.")
        try:
            signal.pause()
        except KeyboardInterrupt:
            console.print("stopping")


if __name__ == "__main__":
    typer.run(main)
