"""Triages a second, beside a bare workflow with the same number of activities, in the same run on the same server.

No upstream is configured, so that every tool answers at once: what is measured is the product's own work.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.bare import Bare, nothing
from benchmarks.figures import Figure
from domain.alerts import Alert
from lab.process import Servers
from lab.servers import temporal
from service.composition import Composition, compose
from service.settings import load_settings
from service.store.schema import upgrade
from service.temporal import TASK_QUEUE, connect
from service.worker import build_worker, warm_up
from workflows.messages import TriageInput
from workflows.triage import IncidentTriage

PARALLEL = 16
BARE_QUEUE = "bare"


async def throughput(folder: Path, count: int) -> list[Figure]:
    """Run `count` of each, 16 at a time, alternating in rounds so that noise hits both."""
    with Servers(folder / "logs") as servers:
        address = temporal(servers, folder / "temporal").address
        settings = load_settings(
            {"TRIAGE_DATABASE__URL": f"sqlite:///{folder}/bench.db", "TRIAGE_QDRANT__PATH": str(folder / "qdrant")}
        )
        parts = compose(settings, address)
        await upgrade(parts.database)
        await parts.knowledge.refresh()
        client = await connect(address, "default")
        try:
            return await _compare(client, parts, count)
        finally:
            await parts.close()


async def _compare(client: Client, parts: Composition, count: int) -> list[Figure]:
    triages, bares, largest = 0.0, 0.0, 0
    worker = build_worker(client, parts.planner, parts.activities)
    warm_up(worker, client)
    async with (
        worker,
        Worker(client, task_queue=BARE_QUEUE, workflows=[Bare], activities=[nothing]),
    ):
        activities, largest = await _anatomy(client)
        rounds = 3
        for number in range(rounds):
            triages += await _timed(lambda n, r=number: _triage(client, f"inc-bench-{r}-{n}"), count // rounds)
            bares += await _timed(lambda n, r=number: _bare(client, f"bare-{r}-{n}", activities), count // rounds)
    per_second = count // rounds * rounds / triages
    return [
        Figure(
            name=f"triages per second, {PARALLEL} in parallel, {activities} activities each",
            value=per_second,
            unit="/s",
            comparison=">=",
            target=0,
        ),
        Figure(
            name="… against a bare workflow with as many activities",
            value=bares / triages,
            unit="ratio",
            comparison=">=",
            target=0.6,
        ),
        Figure(
            name="largest event of a triage's history", value=largest / 1024, unit="KB", comparison="<=", target=256
        ),
    ]


async def _timed(start: Callable[[int], Awaitable[None]], count: int) -> float:
    slots = asyncio.Semaphore(PARALLEL)

    async def one(number: int) -> None:
        async with slots:
            await start(number)

    begun = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(count)))
    return time.perf_counter() - begun


async def _triage(client: Client, name: str) -> None:
    labels = {"alertname": "HighErrorRatio", "namespace": name, "service": "checkout"}
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()  # of a younger one no evidence is waited for
    alert = Alert.model_validate({"status": "firing", "labels": labels, "startsAt": an_hour_ago})
    request = TriageInput(incident_id=name, group_id=name, alerts=(alert,))
    await client.execute_workflow(IncidentTriage.run, request, id=name, task_queue=TASK_QUEUE)


async def _bare(client: Client, name: str, activities: int) -> None:
    await client.execute_workflow(Bare.run, activities, id=name, task_queue=BARE_QUEUE)


async def _anatomy(client: Client) -> tuple[int, int]:
    """How many activities a triage has, and the bytes of its largest event."""
    await _triage(client, "inc-bench-anatomy")
    history = await client.get_workflow_handle("inc-bench-anatomy").fetch_history()
    scheduled = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    return (
        sum(event.event_type == scheduled for event in history.events),
        max(event.ByteSize() for event in history.events),
    )
