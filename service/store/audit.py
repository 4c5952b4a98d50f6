"""The audit log: a chain in which every entry's digest covers the one before, so that no change goes unseen.

Old entries may be dropped from its beginning. The digest of the last one dropped stays as the anchor from which the
rest is verified, and an entry of the chain itself says what was dropped: nobody can move the anchor unseen.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from domain.model import Model, Timestamp, digest_of
from service.store.database import Database
from service.store.tables import audit_head, audit_logs

START = "0" * 64
HEAD, ANCHOR = 1, 2
"""Rows of `audit_head`: the last entry, and the last one dropped."""
PRUNED = "audit.prune"
PAGE = 1000
"""Entries read at a time while verifying."""


def _cut(length: int) -> BeforeValidator:
    # PostgreSQL's text cannot hold NUL; a hostile caller must not be able to avoid being recorded.
    return BeforeValidator(lambda value: str(value).replace("\0", "\N{REPLACEMENT CHARACTER}")[:length])


Short = Annotated[str, _cut(128)]
Long = Annotated[str, _cut(2000)]


class AuditEvent(Model):
    """Who did what to what, from where, and how it ended. Texts from outside are cut to what the columns hold."""

    actor: Short
    action: Short
    target: Short = ""
    result: Annotated[str, _cut(64)]
    ip: Annotated[str, _cut(64)] = ""
    detail: Long = ""
    count: int = Field(default=1, ge=1, description="how many equal attempts this stands for")


class AuditEntry(AuditEvent):
    """An event in its place in the chain."""

    number: int
    at: Timestamp
    previous: str
    digest: str

    def expected_digest(self) -> str:
        """The digest its content should have."""
        return digest_of(self.model_dump(mode="json", exclude={"digest"}))


class AuditFilter(NamedTuple):
    """Which entries to list; None means any. `before` pages back: entries with a smaller number."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    result: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 100


class Verification(Model):
    """Whether the chain is whole. `head` is its last digest: kept elsewhere, it proves that nothing was cut off.

    `pruned`: how many entries were dropped from its beginning because they were old.
    """

    intact: bool
    entries: int
    pruned: int = 0
    head: str
    broken_at: int | None = None
    reason: str | None = None


class _Link(NamedTuple):
    """An entry as the next one refers to it."""

    number: int
    digest: str


class AuditLog:
    """Append-only, in one order for all processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, event: AuditEvent) -> AuditEntry:
        """Append one event."""
        return await self._database.write(lambda connection: _append(connection, event))

    async def entries(self, wanted: AuditFilter) -> tuple[AuditEntry, ...]:
        """Matching entries, newest first."""
        query = select(audit_logs).order_by(audit_logs.c.number.desc()).limit(wanted.limit)
        for name in ("actor", "action", "target", "result"):
            value = getattr(wanted, name)
            query = query if value is None else query.where(audit_logs.c[name] == value)
        if wanted.since is not None:
            query = query.where(audit_logs.c.at >= wanted.since)
        if wanted.until is not None:
            query = query.where(audit_logs.c.at < wanted.until)
        if wanted.before is not None:
            query = query.where(audit_logs.c.number < wanted.before)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(map(_entry, rows))

    async def prune(self, before: datetime) -> int:
        """Drop entries from the beginning that are older, all but the last; answers how many. An entry says so."""
        return await self._database.write(lambda connection: _prune(connection, before))

    async def verify(self) -> Verification:
        """Recompute the whole chain, from the first entry that is kept."""
        return await self._database.read(_verified)


def _append(connection: Connection, event: AuditEvent) -> AuditEntry:
    # Locking the head makes appends of all processes queue up; SQLite's write transaction already does.
    head = connection.execute(select(audit_head).where(audit_head.c.id == HEAD).with_for_update()).one()
    entry = _linked(event, head.number + 1, head.digest)
    connection.execute(insert(audit_logs).values(**entry.model_dump()))
    moved = update(audit_head).where(audit_head.c.id == HEAD)
    connection.execute(moved.values(number=entry.number, digest=entry.digest))
    return entry


def _prune(connection: Connection, before: datetime) -> int:
    head, anchor = _bounds(connection, lock=True)
    kept = select(func.min(audit_logs.c.number)).where(audit_logs.c.at >= before)
    first = connection.execute(kept).scalar() or head.number
    last = connection.execute(select(audit_logs).where(audit_logs.c.number == first - 1)).first()
    if last is None or first - 1 <= anchor.number:
        return 0
    connection.execute(delete(audit_logs).where(audit_logs.c.number < first))
    connection.execute(delete(audit_head).where(audit_head.c.id == ANCHOR))
    connection.execute(insert(audit_head).values(id=ANCHOR, number=last.number, digest=last.digest))
    count = int(last.number - anchor.number)
    _append(connection, AuditEvent(actor="retention", action=PRUNED, result="pruned", detail=last.digest, count=count))
    return count


def _bounds(connection: Connection, *, lock: bool = False) -> tuple[_Link, _Link]:
    """The last entry, and the last one dropped."""
    query = select(audit_head.c.id, audit_head.c.number, audit_head.c.digest)
    rows = connection.execute(query.with_for_update() if lock else query).all()
    links = {row.id: _Link(row.number, row.digest) for row in rows}
    return links[HEAD], links.get(ANCHOR, _Link(0, START))


def _verified(connection: Connection) -> Verification:
    head, anchor = _bounds(connection)
    at, told = anchor, START
    while page := _page(connection, at.number):
        for entry in page:
            if problem := _problem(entry, at.number + 1, at.digest):
                return _broken(at, anchor, problem)
            at, told = _Link(entry.number, entry.digest), entry.detail if entry.action == PRUNED else told
    if head != at:
        return _broken(at, anchor, "entries are missing at the end")
    if told != anchor.digest:
        return _broken(anchor, anchor, "entries are missing at the beginning, and no entry says why")
    return Verification(intact=True, entries=at.number - anchor.number, pruned=anchor.number, head=at.digest)


def _linked(event: AuditEvent, number: int, previous: str) -> AuditEntry:
    fields = event.model_dump()
    unsigned = AuditEntry(number=number, at=datetime.now(UTC), previous=previous, digest="", **fields)
    return unsigned.model_copy(update={"digest": unsigned.expected_digest()})


def _page(connection: Connection, after: int) -> list[AuditEntry]:
    query = select(audit_logs).where(audit_logs.c.number > after).order_by(audit_logs.c.number).limit(PAGE)
    return [_entry(row) for row in connection.execute(query)]


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry.model_validate({name: getattr(row, name) for name in AuditEntry.model_fields})


def _broken(whole: _Link, anchor: _Link, reason: str) -> Verification:
    return Verification(
        intact=False,
        entries=whole.number - anchor.number,
        pruned=anchor.number,
        head=whole.digest,
        broken_at=whole.number + 1,
        reason=reason,
    )


def _problem(entry: AuditEntry, number: int, previous: str) -> str | None:
    if entry.number != number:
        return f"entry {number} is missing"
    if entry.previous != previous:
        return "does not follow from the entry before"
    if entry.digest != entry.expected_digest():
        return "its content was changed"
    return None
