import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

import httpx
import pytest
from temporalio.client import Client

from lab.demo.product import DEMO_SETTINGS
from lab.demo.stack import product_settings, start_stack
from lab.process import Servers
from lab.servers import PrometheusOptions, Scrape, Webhook, alertmanager, prometheus, temporal
from service.settings import load_settings


@dataclass
class Outside:
    """Stands for everything outside of the servers: a `/metrics` page to scrape and a webhook to post to."""

    page: str = ""
    posts: "Queue[tuple[str, dict[str, object]]]" = field(default_factory=Queue[tuple[str, dict[str, object]]])
    port: int = 0

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.port}"


@pytest.fixture
def outside() -> Iterator[Outside]:
    state = Outside()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(state.page.encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.posts.put((self.headers["Authorization"], json.loads(body)))
            self.send_response(202)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


@pytest.mark.servers
def test_a_rule_that_fires_is_posted_with_the_token_and_posted_again_when_resolved(
    tmp_path: Path, outside: Outside
) -> None:
    """Prometheus scrapes, its rule fires, Alertmanager posts; the end of it is posted too."""
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: t, rules: [{alert: TooHot, expr: degrees > 30, for: 1s}]}]")
    (tmp_path / "token").write_text("s3cret")
    outside.page = 'degrees{service="oven"} 31\n'
    with Servers(tmp_path / "logs") as servers:
        webhook = Webhook(f"http://{outside.address}/alerts", tmp_path / "token")
        notifier = alertmanager(servers, tmp_path / "alertmanager", webhook)
        options = PrometheusOptions(
            scrape=(Scrape("t", outside.address),), rules=(rules,), alertmanager=notifier.address
        )
        prometheus(servers, tmp_path / "prometheus", options)
        token, firing = outside.posts.get(timeout=20)
        outside.page = 'degrees{service="oven"} 20\n'
        _, resolved = outside.posts.get(timeout=20)
    assert token == "Bearer s3cret"
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    assert firing["groupLabels"] == {"alertname": "TooHot", "service": "oven"}


@pytest.mark.servers
def test_prometheus_keeps_exemplars(tmp_path: Path) -> None:
    """The exemplars API answers, so that a latency bucket can lead to a trace."""
    with Servers(tmp_path / "logs") as servers:
        started = prometheus(servers, tmp_path / "prometheus")
        answer = httpx.get(f"{started.address}/api/v1/query_exemplars", params={"query": "up", "start": 1, "end": 2})
    assert answer.json() == {"status": "success", "data": []}


@pytest.mark.temporal
def test_a_temporal_server_serves_its_default_namespace(tmp_path: Path) -> None:
    """A client connects as soon as the start-up function returns; the state is in the folder given."""

    async def namespace() -> str:
        client = await Client.connect(started.address)
        return client.namespace

    with Servers(tmp_path / "logs") as servers:
        started = temporal(servers, tmp_path / "temporal")
        assert asyncio.run(namespace()) == "default"
        assert (tmp_path / "temporal/temporal.db").exists()
    assert not started.server.running


@pytest.mark.servers
def test_prometheus_begins_with_the_past_of_the_shop_that_runs(tmp_path: Path) -> None:
    """Rates and pods of the minutes before the start can be queried, and the pods are those that run now."""
    (tmp_path / "token").write_text("s3cret")
    with Servers(tmp_path / "logs") as servers:
        stack = start_stack(servers, tmp_path, Webhook("http://127.0.0.1:9/alerts", tmp_path / "token"), past_minutes=2)
        before = (
            'kube_pod_status_ready{condition="true"} offset 30s and on () (sum(rate(http_requests_total[1m])) > 100)'
        )
        answer = httpx.get(f"{stack.prometheus}/api/v1/query", params={"query": before}).raise_for_status().json()
        now = httpx.get(f"{stack.shop.metrics}/metrics").text
    pods = {series["metric"]["pod"] for series in answer["data"]["result"]}
    assert len(pods) > 8
    assert [pod for pod in pods if f'pod="{pod}"' not in now] == []


@pytest.mark.servers
def test_a_bad_release_of_the_shop_is_posted_as_an_alert(tmp_path: Path, outside: Outside) -> None:
    """The whole stack: the shop's failure becomes a firing alert at the webhook, named after the service."""
    (tmp_path / "token").write_text("s3cret")
    with Servers(tmp_path / "logs") as servers:
        webhook = Webhook(f"http://{outside.address}/alerts", tmp_path / "token")
        stack = start_stack(servers, tmp_path, webhook, past_minutes=0)
        settings = load_settings(DEMO_SETTINGS | product_settings(stack))
        httpx.post(f"{stack.shop.control}/failures/bad-release", json={"service": "checkout"}).raise_for_status()
        _, firing = outside.posts.get(timeout=60)
    assert firing["groupLabels"] == {"alertname": "HighErrorRatio", "namespace": "shop", "service": "checkout"}
    assert settings.prometheus.url == stack.prometheus
