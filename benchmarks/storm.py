"""An alert storm: 100 webhooks a second of 10 alerts each, 50 groups, with repeats and flaps."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import httpx
import psutil

from benchmarks.figures import Figure, percentile
from benchmarks.product import Product, running
from lab.process import Servers

GROUPS = 50
RATE = 100
ALERTS = 10
CONNECTIONS = 100
SETTLE_SECONDS = 120


@dataclass
class Sent:
    """What the storm sent, and what it was told."""

    milliseconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    fingerprints: dict[int, set[str]] = field(default_factory=dict)


async def storm(folder: Path, seconds: int) -> list[Figure]:
    """Send it, wait until it has settled, and count."""
    with Servers(folder / "logs") as servers, running(servers, folder / "storm") as product:
        sent = await _send(product, seconds)
        incidents = await _settled(product)
        memory = _resident(product.server.pid)
    lost = _lost(sent, incidents)
    return [
        Figure(
            name="storm: webhooks acknowledged",
            value=sent.statuses.get(202, 0),
            unit="",
            comparison="==",
            target=RATE * seconds,
        ),
        Figure(name="storm: alerts lost", value=lost, unit="", comparison="==", target=0),
        Figure(name="storm: incidents of 50 groups", value=len(incidents), unit="", comparison="==", target=GROUPS),
        Figure(
            name="storm: acknowledgement p50",
            value=percentile(sent.milliseconds, 0.5),
            unit="ms",
            comparison="<=",
            target=250,
        ),
        Figure(
            name="storm: acknowledgement p99",
            value=percentile(sent.milliseconds, 0.99),
            unit="ms",
            comparison="<=",
            target=250,
        ),
        Figure(name="storm: resident memory after it", value=memory, unit="MB", comparison="<=", target=400),
    ]


async def _send(product: Product, seconds: int) -> Sent:
    """Post at the given rate, over connections that stay open, with as little work as can be beside the server."""
    sent = Sent()
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(Connection(product))
    start = time.monotonic()
    posts: list[asyncio.Task[None]] = []
    for number in range(RATE * seconds):
        await asyncio.sleep(max(0.0, start + number / RATE - time.monotonic()))
        posts.append(asyncio.create_task(_post(idle, sent, number)))
    await asyncio.gather(*posts)
    return sent


async def _post(idle: "asyncio.Queue[Connection]", sent: Sent, number: int) -> None:
    group = number % GROUPS
    body = webhook(group, number // GROUPS)
    alerts = cast("list[dict[str, str]]", body["alerts"])
    sent.fingerprints.setdefault(group, set()).update(alert["fingerprint"] for alert in alerts)
    begun = time.perf_counter()
    connection = await idle.get()
    status = await connection.post("/alerts/alertmanager", json.dumps(body).encode())
    idle.put_nowait(connection)
    sent.milliseconds.append((time.perf_counter() - begun) * 1000)
    sent.statuses[status] = sent.statuses.get(status, 0) + 1


class Connection:
    """One HTTP/1.1 connection, opened on first use."""

    def __init__(self, product: Product) -> None:
        self._url = httpx.URL(product.url)
        self._authorization = product.headers["authorization"]
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> int:
        """POST a JSON body; returns the status."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._url.host, self._url.port)
        reader, writer = self._streams
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {self._url.host}\r\nauthorization: {self._authorization}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        return int(answer.split(b" ", 2)[1])


def webhook(group: int, sequence: int) -> dict[str, object]:
    """Notification `sequence` of a group: most repeat, every 7th flaps, now and then another alert joins."""
    start = datetime(2026, 1, 10, 9, tzinfo=UTC)
    episode, flap = divmod(sequence, 7)
    alerts = [
        {
            "status": "resolved" if flap == 6 and index == 0 else "firing",
            "labels": {
                "alertname": f"Alert{index}",
                "namespace": f"ns-{group}",
                "service": f"service-{group}",
                "severity": "warning",
            },
            "annotations": {"summary": "storm"},
            "startsAt": (start + timedelta(minutes=episode if index == 0 else 0)).isoformat(),
            "fingerprint": f"{group:04x}{index:012x}",
        }
        for index in range(ALERTS)
    ]
    key = f'{{}}:{{namespace="ns-{group}"}}'
    return {"version": "4", "groupKey": key, "status": "firing", "alerts": alerts}


async def _settled(product: Product) -> list[dict[str, object]]:
    """Wait until every group has an incident and nothing waits in the inbox any more."""
    deadline = time.monotonic() + SETTLE_SECONDS
    incidents: list[dict[str, object]] = []
    async with httpx.AsyncClient(base_url=product.url, headers=product.headers, timeout=30, trust_env=False) as client:
        while time.monotonic() < deadline:
            incidents = (await client.get("/incidents", params={"limit": 500})).json()
            if len(incidents) >= GROUPS and "inbox_depth 0.0" in (await client.get("/metrics")).text:
                break
            await asyncio.sleep(1)
        await asyncio.sleep(5)
        listed = (await client.get("/incidents", params={"limit": 500})).json()
        return [(await client.get(f"/incidents/{item['id']}")).json() for item in listed]


def _lost(sent: Sent, incidents: list[dict[str, object]]) -> int:
    """Alerts that were acknowledged but stand in no incident of their group."""
    seen: dict[str, set[str]] = {}
    for incident in incidents:
        alerts = cast("list[dict[str, str]]", incident["alerts"])
        seen.setdefault(str(incident["namespace"]), set()).update(alert["fingerprint"] for alert in alerts)
    return sum(len(prints - seen.get(f"ns-{group}", set())) for group, prints in sent.fingerprints.items())


def _resident(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 2**20
