"""Background work outlives a database that is away, and does later what it could not."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from domain.errors import Misconfigured, UpstreamUnavailable
from service import housekeeping, refusals
from service.housekeeping import Housekeeper
from service.refusals import RefusedAttempts
from service.rounds import rounds
from service.setting_groups import RetentionSettings
from service.store.artifacts import ArtifactStore
from service.store.audit import AuditEntry, AuditEvent, AuditFilter, AuditLog
from service.store.database import Database
from service.store.facts import Facts, IncidentFilter
from tests.service.builders import closed, until_plan

OUTAGES = {
    "unreachable": UpstreamUnavailable("database", "connection refused"),
    "deadlock": DBAPIError("UPDATE audit_head", None, Exception("deadlock detected")),
    "starting": RuntimeError("the database system is starting up"),
}
EVERY_OUTAGE = pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)


class AwayLog(AuditLog):
    """An audit log that cannot be written while there is an `outage`."""

    outage: Exception | None = None

    async def record(self, event: AuditEvent) -> AuditEntry:
        if self.outage:
            raise self.outage
        return await super().record(event)


async def written(log: AuditLog) -> int:
    """Attempts that the log's entries stand for."""
    return sum(entry.count for entry in await log.entries(AuditFilter()))


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Run it in the background. It may not have ended by itself."""
    task = asyncio.create_task(work)
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@EVERY_OUTAGE
async def test_refused_attempts_are_written_after_the_outage(
    database: Database, monkeypatch: pytest.MonkeyPatch, outage: Exception
) -> None:
    """All that were counted before and during it, none twice."""
    monkeypatch.setattr(refusals, "WINDOW", 0.02)
    log = AwayLog(database)
    attempts = RefusedAttempts(log)
    await attempts.record("invalid_token", "10.0.0.1", "GET /incidents")
    for _ in range(3):
        await attempts.record("invalid_token", "10.0.0.1", "GET /incidents")
    log.outage = outage
    async with running(attempts.run()):
        await asyncio.sleep(0.2)
        log.outage = None
        async with asyncio.timeout(10):
            while await written(log) < 4:  # noqa: ASYNC110 - the database has no event for it
                await asyncio.sleep(0.05)
    await attempts.flush()
    assert await written(log) == 4


async def test_attempts_of_an_outage_are_counted(database: Database) -> None:
    """Also the one whose own entry could not be written."""
    log = AwayLog(database)
    attempts = RefusedAttempts(log, clock=lambda: 1.0)
    log.outage = OUTAGES["unreachable"]
    with pytest.raises(UpstreamUnavailable):
        await attempts.record("missing_token", "10.0.0.1", "GET /incidents")
    await attempts.record("missing_token", "10.0.0.1", "GET /incidents")
    log.outage = None
    await attempts.flush()
    assert [entry.count for entry in await log.entries(AuditFilter())] == [2]


@EVERY_OUTAGE
async def test_retention_goes_on_after_an_outage(
    database: Database, monkeypatch: pytest.MonkeyPatch, outage: Exception
) -> None:
    """A round that failed is made up for by the next."""
    monkeypatch.setattr(housekeeping, "EVERY", 0.02)
    store = Facts(database)
    await store.append([*until_plan(), closed()])
    works = Database.write
    ends = datetime.now(UTC) + timedelta(seconds=0.2)

    async def write(*args: Any) -> Any:
        if datetime.now(UTC) < ends:
            raise outage
        return await works(*args)

    monkeypatch.setattr(Database, "write", write)
    keep = RetentionSettings(incidents=1, artifacts=0, audit=0)
    async with running(Housekeeper(keep, store, ArtifactStore(database), AuditLog(database)).run()):
        async with asyncio.timeout(10):
            while await store.incidents(IncidentFilter()):  # noqa: ASYNC110 - the database has no event for it
                await asyncio.sleep(0.05)


async def test_a_wrong_setting_ends_the_process() -> None:
    """Waiting would not mend it."""

    async def work() -> None:
        raise Misconfigured("TRIAGE_QDRANT__PATH: cannot use it")

    with pytest.raises(Misconfigured):
        await rounds(work, every=0.01, failed="test.failed")
