"""An alert storm against a running API: how fast it acknowledges, and that it loses nothing.

`python -m tests.api.storm --seconds 60` starts the API with a fake engine in a process of its own and prints a report.
`storm(url, token, …)` does the same to any API, such as one with real Temporal behind it.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.api.served import serve
from tests.api.world import BOOTSTRAP


@dataclass(frozen=True)
class StormReport:
    """What was posted and how long the acknowledgements took, in milliseconds."""

    posts: int
    alerts: int
    acknowledged: int
    news: int
    statuses: dict[int, int]
    p50_ms: float
    p99_ms: float
    max_ms: float
    seconds: float

    def __str__(self) -> str:
        """For people."""
        return (
            f"{self.posts} posts, {self.alerts} alerts in {self.seconds:.1f} s; acknowledged {self.acknowledged}, "
            f"new {self.news}, statuses {self.statuses}; "
            f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms, max {self.max_ms:.1f} ms"
        )


def body(number: int, *, groups: int, alerts: int, run: str) -> dict[str, object]:
    """Post `number`: groups take turns; a group's alerts fire, are repeated, resolve, and fire anew after 16 rounds."""
    group, round_ = number % groups, number // groups
    episode, place = divmod(round_, 16)
    status = "resolved" if place >= 14 else "firing"
    started = f"2026-01-31T{episode % 24:02d}:00:00Z"
    labels = {"alertname": "Storm", "namespace": "shop", "service": f"s{group}", "run": run}
    return {
        "version": "4",
        "groupKey": f"{run}/{group}",
        "status": status,
        "alerts": [
            {
                "status": status,
                "labels": {**labels, "pod": f"p{n}"},
                "annotations": {"summary": "requests fail", "runbook_url": "https://runbooks.example/storm"},
                "startsAt": started,
            }
            for n in range(alerts)
        ],
    }


async def storm(
    url: str, token: str, *, seconds: float = 60, posts_per_second: float = 100, groups: int = 50, alerts: int = 10
) -> StormReport:
    """Post at a fixed rate, whether or not answers come; a late acknowledgement counts from when it was due."""
    run = os.urandom(4).hex()
    total = int(seconds * posts_per_second)
    times: list[float] = []
    statuses: Counter[int] = Counter()
    acknowledged = news = 0
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=30, trust_env=False) as client:
        started = time.perf_counter()

        async def post(number: int) -> None:
            nonlocal acknowledged, news
            due = started + number / posts_per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            answer = await client.post("/alerts/alertmanager", json=body(number, groups=groups, alerts=alerts, run=run))
            times.append(time.perf_counter() - due)
            statuses[answer.status_code] += 1
            if answer.status_code == 202:
                counts = answer.json()
                acknowledged += counts["received"]
                news += counts["received"] - counts["deduplicated"]

        await asyncio.gather(*(post(number) for number in range(total)))
        elapsed = time.perf_counter() - started
    times.sort()
    return StormReport(
        posts=total,
        alerts=total * alerts,
        acknowledged=acknowledged,
        news=news,
        statuses=dict(statuses),
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
        max_ms=times[-1] * 1000,
        seconds=elapsed,
    )


def _serve() -> None:
    """Until standard input ends, which it does even if the other process is killed."""
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as served:
        sys.stdout.write(served.url + "\n")
        sys.stdout.flush()
        sys.stdin.read()
        batches = served.world.engine.batches
        delivered = sum(len(batch.alerts) for batch in batches)
        sys.stdout.write(f"delivered {delivered} alerts in {len(batches)} batches\n")


async def _main(seconds: float) -> None:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "tests.api.storm", "--serve")
    server = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert server.stdout
    url = (await server.stdout.readline()).decode().strip()
    report = await storm(url, BOOTSTRAP, seconds=seconds)
    rest, _ = await server.communicate(b"")
    sys.stdout.write(f"{report}\n{rest.decode()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--serve", action="store_true")
    options = parser.parse_args()
    if options.serve:
        _serve()
    else:
        asyncio.run(_main(options.seconds))
