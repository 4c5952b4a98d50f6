"""Readiness and liveness probes."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from lab.shop.cluster.processes import Process
from lab.shop.cluster.views import Probe

# Without a readiness probe a container counts as ready once it runs; programs still need a moment to come up.
START_SECONDS = 1.0


def check(process: Process, since: datetime, now: datetime) -> Iterator[str]:
    """Probe a running container when it is time; set `ready`, count failed liveness, yield the kubelet's complaints."""
    readiness, liveness = process.container.readiness_probe, process.container.liveness_probe
    if process.next_probe is None:
        delay = max(START_SECONDS, readiness.initial_delay_seconds if readiness else 0.0)
        process.next_probe = since + timedelta(seconds=delay)
    if now < process.next_probe:
        return
    process.next_probe = now + timedelta(seconds=readiness.period_seconds if readiness else 10.0)
    failure = _failure(process, readiness)
    process.ready = failure is None
    if failure:
        yield f"Readiness probe failed: {failure}"
    failure = _failure(process, liveness)
    process.failed_liveness = process.failed_liveness + 1 if failure else 0
    if failure:
        yield f"Liveness probe failed: {failure}"


def _failure(process: Process, probe: Probe | None) -> str | None:
    if probe is None or probe.http_get is None:
        return None
    port = process.container.port(probe.http_get.port)
    if port is None or not process.listens(port):
        url = f"http://{process.pod}:{port}{probe.http_get.path}"
        return f'Get "{url}": dial tcp: connect: connection refused'
    if process.build and process.build.health_path != probe.http_get.path:
        return "HTTP probe failed with statuscode: 404"
    return None
