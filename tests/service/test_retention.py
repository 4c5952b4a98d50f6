"""What is over is dropped when its time has come, on SQLite and on PostgreSQL; nothing else is."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update

from domain.errors import NotFound
from service.housekeeping import Housekeeper
from service.setting_groups import RetentionSettings
from service.store.artifacts import ArtifactStore
from service.store.audit import ANCHOR, PRUNED, AuditEvent, AuditFilter, AuditLog
from service.store.database import Database
from service.store.facts import Facts, IncidentFilter
from service.store.tables import artifacts, audit_head, audit_logs, facts
from tests.service.builders import OPENED, closed, opened, until_plan

FOR_GOOD = RetentionSettings(incidents=0, artifacts=0, audit=0)
NOW = datetime.now(UTC)


def housekeeper(database: Database, **days: int) -> Housekeeper:
    settings = FOR_GOOD.model_copy(update=days)
    return Housekeeper(settings, Facts(database), ArtifactStore(database), AuditLog(database))


async def entries(database: Database, count: int) -> AuditLog:
    log = AuditLog(database)
    for number in range(count):
        await log.record(AuditEvent(actor="alice", action="incident.approve", target=f"i-{number}", result="approved"))
    return log


async def test_closed_incidents_go_with_their_facts(database: Database) -> None:
    """Counted from their end; one that is still open stays, however old."""
    store = Facts(database)
    await store.append([*until_plan(), closed(), opened("i-2")])
    keeper = housekeeper(database, incidents=30)
    await keeper.sweep(OPENED + timedelta(days=30))
    assert len(await store.incidents(IncidentFilter())) == 2
    await keeper.sweep(OPENED + timedelta(days=60))
    assert [item.id for item in await store.incidents(IncidentFilter())] == ["i-2"]
    left = await database.read(lambda connection: connection.execute(select(facts.c.incident_id)).scalars().all())
    assert set(left) == {"i-2"}


async def test_artifacts_go_by_when_they_were_last_seen(database: Database) -> None:
    """What tools saw again is as new; what they did not is dropped."""
    store = ArtifactStore(database)
    old, again = await store.put(b"old"), await store.put(b"again")
    aged = update(artifacts).values(stored_at=NOW - timedelta(days=40))
    await database.write(lambda connection: connection.execute(aged))
    await store.put(b"again")
    await housekeeper(database, artifacts=30).sweep(NOW)
    assert await store.get(again) == b"again"
    with pytest.raises(NotFound):
        await store.get(old)


async def test_the_audit_log_stays_verifiable_from_its_anchor(database: Database) -> None:
    """Dropped from its beginning, with an entry that says so, again and again: the rest is one whole chain."""
    log = await entries(database, 5)
    fourth = (await log.entries(AuditFilter()))[1].at
    assert await log.prune(fourth) == 3
    verified = await log.verify()
    assert (verified.intact, verified.entries, verified.pruned) == (True, 3, 3)
    newest = (await log.entries(AuditFilter()))[0]
    assert (newest.action, newest.count) == (PRUNED, 3)
    assert await log.prune(fourth) == 0
    await log.record(AuditEvent(actor="bob", action="token.add", result="added"))
    assert await log.prune(newest.at) == 2
    verified = await log.verify()
    assert (verified.intact, verified.entries, verified.pruned) == (True, 3, 5)


async def test_the_last_entry_is_never_dropped(database: Database) -> None:
    """All of a log that is old but its end; what comes after follows from it."""
    log = await entries(database, 3)
    assert await log.prune(NOW + timedelta(days=1)) == 2
    assert [entry.number for entry in await log.entries(AuditFilter())] == [4, 3]
    assert (await log.verify()).intact


async def test_nobody_moves_the_anchor_unseen(database: Database) -> None:
    """Who deletes the beginning and sets an anchor to match has no entry that says so."""
    log = await entries(database, 5)
    second = next(entry for entry in await log.entries(AuditFilter()) if entry.number == 2)
    forged = audit_head.insert().values(id=ANCHOR, number=2, digest=second.digest)
    await database.write(lambda connection: connection.execute(delete(audit_logs).where(audit_logs.c.number <= 2)))
    await database.write(lambda connection: connection.execute(forged))
    verified = await log.verify()
    assert not verified.intact
    assert "beginning" in str(verified.reason)


async def test_by_zero_days_all_is_kept(database: Database) -> None:
    """For good means for good."""
    store, log = Facts(database), await entries(database, 2)
    await store.append([*until_plan(), closed()])
    digest = await ArtifactStore(database).put(b"raw")
    await housekeeper(database).sweep(NOW + timedelta(days=36_500))
    assert len(await store.incidents(IncidentFilter())) == 1
    assert await ArtifactStore(database).get(digest) == b"raw"
    assert (await log.verify()).pruned == 0
