"""`triagent worker` as a process: what it shows to those who run it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from lab.environment import inherited
from lab.process import Server, ServerError, Servers, answers, free_port

Start = Callable[[int], Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `triagent worker` on a port; its Temporal is away."""
    with Servers(tmp_path / "logs") as servers:

        def started(port: int) -> Server:
            number = len(list(tmp_path.glob("site*")))
            site = tmp_path / f"site{number}"
            site.mkdir()
            settings = {"TRIAGE_TEMPORAL__ADDRESS": "127.0.0.1:9", "TRIAGE_WORKER__PORT": str(port)}
            env = inherited(settings, without_prefix="TRIAGE_")
            command = [Path(sys.executable).parent / "triagent", "worker"]
            return servers.start(f"worker{number}", command, env=env, cwd=site)

        yield started


def test_a_worker_alone_serves_health_readiness_and_metrics(start: Start) -> None:
    """Nothing else: the API is another process. A second worker on the port ends and names the setting."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    start(port).wait_until(answers(f"{url}/healthz"), within=60)
    assert httpx.get(f"{url}/readyz").json()["parts"]["temporal"]["state"] == "down"
    metrics = httpx.get(f"{url}/metrics").text
    assert "domain_events_total" in metrics
    assert "workflow_run_duration_seconds" in metrics
    assert {httpx.get(f"{url}/{path}").status_code for path in ("incidents", "docs", "openapi.json")} == {404}
    second = start(port)
    with pytest.raises(ServerError, match=f"TRIAGE_WORKER__PORT: cannot listen on 127.0.0.1:{port}"):
        second.wait_until(lambda: False, within=60)


def test_a_worker_need_not_listen(start: Start) -> None:
    """Port 0 is none: it works all the same."""
    worker = start(0)
    worker.wait_until(lambda: "worker.waiting_for_temporal" in worker.log.read_text(), within=60)
    assert "serving" not in worker.log.read_text()
