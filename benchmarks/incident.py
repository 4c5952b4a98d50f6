"""One incident at a time: from webhook to a plan that awaits approval, on the demo shop with a real Prometheus."""

import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from benchmarks.figures import Figure, percentile
from benchmarks.product import Product, running
from lab.demo.stack import Stack, product_settings, start_stack
from lab.process import Servers
from lab.servers import Webhook

GROUPING_WAIT = 0.1
WAIT_SECONDS = 30


def incident(folder: Path, repetitions: int) -> list[Figure]:
    """Break the shop once; post the alert under new group keys and wait for the plan each time."""
    token = folder / "nobody"
    token.parent.mkdir(parents=True, exist_ok=True)
    token.write_text("unused", encoding="utf-8")
    with Servers(folder / "logs") as servers:
        # Alertmanager's own notices go nowhere: the alerts of this measurement are posted by hand.
        stack = start_stack(servers, folder / "stack", Webhook("http://127.0.0.1:9/alerts/alertmanager", token))
        with running(servers, folder / "incident", _settings(stack)) as product:
            _break_checkout(stack)
            seconds = [_once(product, number) for number in range(repetitions)]
            memory = psutil.Process(product.server.pid).memory_info().rss / 2**20
    beyond = [value - GROUPING_WAIT for value in seconds]
    return [
        Figure(
            name="incident: webhook to plan beyond grouping, p50",
            value=percentile(beyond, 0.5),
            unit="s",
            comparison="<=",
            target=1.5,
        ),
        Figure(
            name="incident: webhook to plan beyond grouping, p95",
            value=percentile(beyond, 0.95),
            unit="s",
            comparison="<=",
            target=3.0,
        ),
        Figure(name="resident memory of `triagent up`", value=memory, unit="MB", comparison="<=", target=400),
    ]


def _settings(stack: Stack) -> dict[str, str]:
    return {**product_settings(stack), "TRIAGE_CORRELATION__WAIT": str(GROUPING_WAIT)}


def _break_checkout(stack: Stack) -> None:
    answer = httpx.post(f"{stack.shop.control}/failures/bad-release", json={"service": "checkout"}, trust_env=False)
    answer.raise_for_status()
    time.sleep(20)  # the failure needs some rate windows to show


def _once(product: Product, number: int) -> float:
    service = {"alertname": f"HighErrorRatio{number}", "namespace": "shop", "service": "checkout"}
    alert = {"status": "firing", "labels": service, "startsAt": datetime.now(UTC).isoformat()}
    body = {"version": "4", "groupKey": uuid.uuid4().hex, "status": "firing", "alerts": [alert]}
    with product.client() as client:
        begun = time.perf_counter()
        client.post("/alerts/alertmanager", json=body).raise_for_status()
        while time.perf_counter() - begun < WAIT_SECONDS:
            waiting = client.get("/incidents", params={"status": "awaiting_approval"}).json()
            if waiting:
                took = time.perf_counter() - begun
                client.post(f"/incidents/{waiting[0]['id']}/cancel", json={"reason": "measured"}).raise_for_status()
                _gone(client)
                return took
            time.sleep(0.02)
    raise TimeoutError(f"no plan within {WAIT_SECONDS} s")


def _gone(client: httpx.Client) -> None:
    """Wait until the cancelled incident is closed, so that the next one does not link to it."""
    for _ in range(200):
        open_ones = client.get("/incidents", params={"status": "awaiting_approval"}).json()
        if not open_ones:
            return
        time.sleep(0.05)
