"""The audit log is one unbroken chain, on SQLite and on PostgreSQL."""

import asyncio

import pytest
from sqlalchemy import Executable, delete, update

from service.store import audit
from service.store.audit import AuditEvent, AuditFilter, AuditLog
from service.store.database import Database
from service.store.tables import audit_logs


def event(number: int = 0) -> AuditEvent:
    return AuditEvent(actor="alice", action="incident.approve", target=f"i-{number}", result="approved")


async def test_concurrent_appends_make_one_chain(database: Database) -> None:
    """Writers at the same time, of one process or several, follow each other without a gap."""
    others = Database(database.url.render_as_string(hide_password=False))
    logs = [AuditLog(database), AuditLog(others)]
    await asyncio.gather(*(logs[n % 2].record(event(n)) for n in range(40)))
    verified = await logs[0].verify()
    assert (verified.intact, verified.entries) == (True, 40)
    assert [entry.number for entry in await logs[1].entries(AuditFilter())] == list(range(40, 0, -1))
    await others.close()


async def test_an_empty_log_is_whole(database: Database) -> None:
    """There is nothing to doubt yet."""
    assert (await AuditLog(database).verify()).intact


async def test_a_log_that_grows_and_is_pruned_meanwhile_is_whole(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others append and drop while it is verified breaks nothing."""
    monkeypatch.setattr(audit, "PAGE", 1)
    others = Database(database.url.render_as_string(hide_password=False))
    log, busy = AuditLog(database), AuditLog(others)
    for number in range(40):
        await log.record(event(number))
    verifying = asyncio.gather(*(log.verify() for _ in range(4)))
    while not verifying.done():
        newest = await busy.record(event())
        await busy.prune(newest.at)
    assert [verified.reason for verified in await verifying] == [None] * 4
    await others.close()


@pytest.mark.parametrize(
    ("tamper", "broken_at", "reason"),
    [
        (update(audit_logs).where(audit_logs.c.number == 2).values(actor="bob"), 2, "changed"),
        (update(audit_logs).where(audit_logs.c.number == 2).values(digest="0" * 64), 2, "changed"),
        (delete(audit_logs).where(audit_logs.c.number == 2), 2, "missing"),
        (delete(audit_logs).where(audit_logs.c.number >= 4), 4, "missing at the end"),
        (delete(audit_logs), 1, "missing at the end"),
    ],
    ids=["content", "digest", "removed", "cut off", "emptied"],
)
async def test_tampering_is_found(database: Database, tamper: Executable, broken_at: int, reason: str) -> None:
    """Whatever is changed, removed or cut off, verification says where."""
    log = AuditLog(database)
    for number in range(5):
        await log.record(event(number))
    await database.write(lambda connection: connection.execute(tamper))
    verified = await log.verify()
    assert (verified.intact, verified.broken_at) == (False, broken_at)
    assert reason in str(verified.reason)


async def test_hostile_text_cannot_avoid_being_recorded(database: Database) -> None:
    """Too long, or with NUL in it: it is cut and made storable, and the chain stays whole."""
    log = AuditLog(database)
    hostile = AuditEvent(actor="x" * 10_000, action="a\0b", target="t" * 10_000, result="r", detail="d" * 100_000)
    await log.record(hostile)
    (entry,) = await log.entries(AuditFilter())
    assert len(entry.actor) == 128
    assert "\0" not in entry.action
    assert (await log.verify()).intact
