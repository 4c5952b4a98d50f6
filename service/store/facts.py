"""Facts and the incidents folded from them, in one transaction. Implements `workflows.ports.FactStore`."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from domain.errors import NotFound
from domain.facts import FACT, FINAL, AlertsUpdated, Fact, IncidentOpened, IncidentStatus
from domain.incidents import Incident, applied, open_incident
from service.store.database import Database
from service.store.tables import facts, incident_alerts, incidents

ATTEMPTS = 3
"""Two processes that open the same incident at once: the loser reads the winner's row and goes on from there."""


class NumberedFact(NamedTuple):
    """A fact and its place in its incident's history: 1, 2, 3 …"""

    number: int
    fact: Fact


class Appended(NamedTuple):
    """What one append added to one incident. `awaited` is the seconds its plans waited for people so far."""

    incident: Incident
    facts: tuple[NumberedFact, ...]
    awaited: float


class IncidentFilter(NamedTuple):
    """Which incidents to list; None and empty mean any."""

    statuses: tuple[IncidentStatus, ...] = ()
    fingerprint: str | None = None
    namespace: str | None = None
    limit: int = 50


Listener = Callable[[Appended], None]

# Built once: every step of every incident runs these.
_SEEN = select(func.count()).where(facts.c.id.in_(bindparam("ids", expanding=True))).scalar_subquery()
_BEFORE = select(incidents, _SEEN.label("seen")).where(incidents.c.id == bindparam("incident")).with_for_update()
"""The projection so far, and how many of some facts are in it. The row is locked, so that numbers have no gaps."""
_UPDATE = update(incidents).where(incidents.c.id == bindparam("incident"))
_INSERT = insert(facts)


class Facts:
    """The append-only log of facts, and the incident projection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` with everything this process appends, after it is committed."""
        self._listeners.append(listener)

    async def append(self, facts: Sequence[Fact]) -> None:
        """Append in order; facts whose id is already there are skipped.

        Raises `InvalidInput` if an incident's first fact is not `IncidentOpened`; then nothing was appended.
        """
        for appended in await self._append(facts):
            for listener in self._listeners:
                listener(appended)

    async def _append(self, new: Sequence[Fact]) -> list[Appended]:
        grouped = _by_incident(new)

        def extend(connection: Connection) -> list[Appended]:
            return [_extend(connection, name, mine) for name, mine in grouped.items()]

        for _ in range(ATTEMPTS - 1):
            with suppress(IntegrityError):
                return await self._database.write(extend)
        return await self._database.write(extend)

    async def incident(self, incident_id: str) -> Incident:
        """The projection. Raises `NotFound`."""
        query = select(incidents.c.doc).where(incidents.c.id == incident_id)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        if row is None:
            raise NotFound(f"no incident {incident_id}")
        return Incident.model_validate(row.doc)

    async def incidents(self, wanted: IncidentFilter) -> tuple[Incident, ...]:
        """Matching incidents, newest first."""
        query = select(incidents.c.doc).order_by(incidents.c.opened_at.desc(), incidents.c.id).limit(wanted.limit)
        if wanted.statuses:
            query = query.where(incidents.c.status.in_(wanted.statuses))
        if wanted.namespace is not None:
            query = query.where(incidents.c.namespace == wanted.namespace)
        if wanted.fingerprint is not None:
            carrying = select(incident_alerts.c.incident_id).where(incident_alerts.c.fingerprint == wanted.fingerprint)
            query = query.where(incidents.c.id.in_(carrying))
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(Incident.model_validate(row.doc) for row in rows)

    async def recent_incidents(
        self,
        closed_since: datetime,
        *,
        cause: str,
        object: str,  # noqa: A002 - as the API calls it
    ) -> tuple[Incident, ...]:
        """Incidents with that first cause, in any namespace, that are open or were closed since then, oldest first.

        `object` is `kind/name`.
        """
        recent = or_(incidents.c.status.not_in(sorted(FINAL)), incidents.c.updated_at >= closed_since)
        same = and_(incidents.c.cause == cause, incidents.c.object == object)
        query = select(incidents.c.doc).where(same, recent).order_by(incidents.c.opened_at, incidents.c.id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(Incident.model_validate(row.doc) for row in rows)

    async def open_incidents(self) -> tuple[str, ...]:
        """The ids of those that have not been closed, oldest first."""
        query = select(incidents.c.id).where(incidents.c.status.not_in(sorted(FINAL))).order_by(incidents.c.opened_at)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(row.id for row in rows)

    async def history(self, incident_id: str, after: int = 0) -> tuple[NumberedFact, ...]:
        """An incident's facts with a number over `after`, in order; empty if there are none."""
        query = (
            select(facts.c.number, facts.c.doc)
            .where(facts.c.incident_id == incident_id, facts.c.number > after)
            .order_by(facts.c.number)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(NumberedFact(row.number, FACT.validate_python(row.doc)) for row in rows)

    async def forget(self, before: datetime, limit: int) -> int:
        """Drop at most `limit` incidents that were closed before then, with their facts; answers how many."""
        old = select(incidents.c.id).where(incidents.c.closed_at < before).order_by(incidents.c.closed_at).limit(limit)
        gone = delete(incidents).where(incidents.c.id.in_(old))
        return await self._database.write(lambda connection: connection.execute(gone).rowcount)

    async def awaiting_approval(self) -> int:
        """How many incidents wait for people."""
        query = select(func.count()).select_from(incidents).where(incidents.c.status == "awaiting_approval")
        return await self._database.read(lambda connection: connection.execute(query).scalar_one())


def _by_incident(new: Sequence[Fact]) -> Mapping[str, list[Fact]]:
    grouped: dict[str, list[Fact]] = {}
    for fact in new:
        grouped.setdefault(fact.incident_id, []).append(fact)
    # Rows are locked in one order by all writers, so that none wait for each other in a circle.
    return dict(sorted(grouped.items()))


def _extend(connection: Connection, incident_id: str, new: list[Fact]) -> Appended:
    ids = [fact.id for fact in new]
    before = connection.execute(_BEFORE, {"incident": incident_id, "ids": ids}).first()
    fresh = _unseen(connection, new) if before is None or before.seen or len(set(ids)) < len(ids) else new
    if not fresh:
        return Appended(Incident.model_validate(before.doc) if before else open_incident(new[0]), (), 0.0)
    incident, waiting, count = _starting_point(before)
    for fact in fresh:
        incident = applied(incident, fact) if incident else open_incident(fact)
        waiting = waiting.after(incident.status, fact.at)
    assert incident is not None  # noqa: S101 - `fresh` is not empty
    numbered = tuple(NumberedFact(count + place, fact) for place, fact in enumerate(fresh, start=1))
    _store(connection, incident, waiting, numbered, is_new=before is None)
    if any(isinstance(fact, (IncidentOpened, AlertsUpdated)) for fact in fresh):
        _index_alerts(connection, incident)
    return Appended(incident, numbered, waiting.total)


class _Waiting(NamedTuple):
    """How long plans waited for people: seconds so far, and since when one waits now."""

    total: float = 0.0
    since: datetime | None = None

    def after(self, status: IncidentStatus, at: datetime) -> "_Waiting":
        if status == "awaiting_approval":
            return self if self.since else _Waiting(self.total, at)
        return _Waiting(self.total + (at - self.since).total_seconds()) if self.since else self


def _starting_point(row: Row[Any] | None) -> tuple[Incident | None, _Waiting, int]:
    if row is None:
        return None, _Waiting(), 0
    return Incident.model_validate(row.doc), _Waiting(row.awaited, row.awaiting_since), row.facts


def _unseen(connection: Connection, new: list[Fact]) -> list[Fact]:
    ids = [fact.id for fact in new]
    seen = set(connection.execute(select(facts.c.id).where(facts.c.id.in_(ids))).scalars())
    return [fact for fact in {fact.id: fact for fact in new}.values() if fact.id not in seen]


def _store(
    connection: Connection, incident: Incident, waiting: _Waiting, new: tuple[NumberedFact, ...], *, is_new: bool
) -> None:
    columns = {
        "status": incident.status,
        "namespace": incident.namespace,
        "service": incident.service,
        "severity": incident.severity,
        **_cause_columns(incident),
        "opened_at": incident.opened_at,
        "updated_at": incident.updated_at,
        "closed_at": incident.closed_at,
        "awaiting_since": waiting.since,
        "awaited": waiting.total,
        "facts": new[-1].number,
        "doc": incident.model_dump(mode="json"),
    }
    if is_new:
        connection.execute(insert(incidents).values(id=incident.id, **columns))
    else:
        connection.execute(_UPDATE, {"incident": incident.id, **columns})
    connection.execute(_INSERT, [_row(item) for item in new])


def _cause_columns(incident: Incident) -> dict[str, str | None]:
    first = incident.diagnosis.causes[0] if incident.diagnosis and incident.diagnosis.causes else None
    return {"cause": first.cause if first else None, "object": str(first.object) if first else None}


def _index_alerts(connection: Connection, incident: Incident) -> None:
    query = select(incident_alerts.c.fingerprint).where(incident_alerts.c.incident_id == incident.id)
    known = set(connection.execute(query).scalars())
    new = sorted({alert.fingerprint for alert in incident.alerts} - known)
    if new:
        rows = [{"incident_id": incident.id, "fingerprint": fingerprint} for fingerprint in new]
        connection.execute(insert(incident_alerts), rows)


def _row(item: NumberedFact) -> dict[str, object]:
    fact = item.fact
    return {
        "id": fact.id,
        "incident_id": fact.incident_id,
        "number": item.number,
        "type": fact.type,
        "at": fact.at,
        "doc": fact.model_dump(mode="json"),
    }
