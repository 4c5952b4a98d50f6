"""Alerts on their way to the workflows: kept from the moment they are acknowledged until they are delivered."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import structlog
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, Row, Text, and_, bindparam, cast, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from domain.alerts import Alert, AlertStatus, Webhook
from domain.model import canonical_json, sha256
from service.engine import AlertBatch
from service.store.database import Database
from service.store.tables import alert_identities, inbox

log = structlog.get_logger(__name__)

ALERTS: TypeAdapter[tuple[Alert, ...]] = TypeAdapter(tuple[Alert, ...])
ROW_BYTES = 96 * 1024
"""Alerts of one row, as JSON; a batch has one row or more until it reaches this size."""
CLAIM_ROWS = 500
ATTEMPTS = 3
"""Two processes that get the same news at once: the loser reads what the winner wrote."""
IN_QUERY = 400
"""Names in one IN list: SQLite and PostgreSQL both cap the parameters of a statement."""
SEEN_PRECISION = timedelta(days=1)
"""How well it is known when an alert was last mentioned: repeats of the day need no write."""
LATE = timedelta(seconds=30)
"""How long a `firing` may be behind the `resolved` that followed it: peers of an Alertmanager cluster wait 15 s for
each other. What comes later fires anew: Prometheus keeps `startsAt` over a break between it and Alertmanager."""
ORPHANED_AFTER = timedelta(seconds=30)
"""A batch that its claimer has not delivered for so long is taken over."""


_WAITS = and_(inbox.c.delivered_at.is_(None), inbox.c.set_aside_at.is_(None))
_ALERTS_TEXT = cast(inbox.c.alerts, Text).label("alerts")
"""Read row by row, so that one that cannot be read does not take the others with it."""
_CLAIM = (
    update(inbox)
    .where(inbox.c.id == bindparam("row"), inbox.c.batch_id.is_(None))
    .values(batch_id=bindparam("batch"), claimer=bindparam("by"), claimed_at=bindparam("now"))
)


class Posted(NamedTuple):
    """One webhook on its way in. `traceparent` ties what follows to the request's trace."""

    webhook: Webhook
    traceparent: str | None = None


class Receipt(NamedTuple):
    """How many alerts came, and how many of them were known already."""

    received: int
    deduplicated: int


class Letter(NamedTuple):
    """A batch to deliver, the rows it is made of, and the trace of the first."""

    batch: AlertBatch
    rows: tuple[int, ...]
    traceparent: str | None


class Depth(NamedTuple):
    """What waits: rows, and the age of the oldest in seconds; and how many rows are set aside."""

    rows: int
    age: float
    set_aside: int


class MailStore:
    """The inbox in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claimer = uuid.uuid4().hex

    async def keep(self, posts: Sequence[Posted]) -> list[Receipt]:
        """Store several webhooks in one transaction; one receipt each, in order.

        News of an alert that is firing in one group already stays with that group, even if it now comes by another:
        overlapping routes and changed groupings do not make a second incident.
        """

        def keep(connection: Connection) -> list[Receipt]:
            sorter = _Sorter(_known(connection, posts), datetime.now(UTC))
            receipts = [sorter.take(post) for post in posts]
            _insert(connection, sorter)
            _still_seen(connection, sorter)
            return receipts

        for _ in range(ATTEMPTS - 1):
            with suppress(IntegrityError):
                return await self._database.write(keep)
        return await self._database.write(keep)

    async def claim(self, resting: Collection[str] = ()) -> None:
        """Bind waiting rows into batches, one a group, skipping groups that have a batch under way or are `resting`."""
        now = datetime.now(UTC)
        busy = select(inbox.c.group_id).where(_WAITS, inbox.c.batch_id.is_not(None))
        waiting = (
            select(inbox.c.id, inbox.c.group_id, inbox.c.size)
            .where(_WAITS, inbox.c.batch_id.is_(None), inbox.c.group_id.not_in(busy), inbox.c.group_id.not_in(resting))
            .order_by(inbox.c.id)
            .limit(CLAIM_ROWS)
        )

        def claim(connection: Connection) -> None:
            rows = connection.execute(waiting).all()
            claims = [claim for ids in _first_batches(rows) for claim in self._claims(ids, now)]
            if claims:
                connection.execute(_CLAIM, claims)

        await self._database.write(claim)

    def _claims(self, ids: list[int], now: datetime) -> list[dict[str, object]]:
        batch = uuid.uuid4().hex
        return [{"row": row, "batch": batch, "by": self._claimer, "now": now} for row in ids]

    async def letters(self, *, orphans_of_any_age: bool = False) -> list[Letter]:
        """Claimed batches that this process should deliver: its own, and those somebody else left behind.

        Rows that cannot be read are set aside.
        """
        oldest = datetime.now(UTC) if orphans_of_any_age else datetime.now(UTC) - ORPHANED_AFTER
        query = (
            select(inbox.c.id, inbox.c.group_id, _ALERTS_TEXT, inbox.c.batch_id, inbox.c.traceparent)
            .where(
                _WAITS,
                inbox.c.batch_id.is_not(None),
                or_(inbox.c.claimer == self._claimer, inbox.c.claimed_at <= oldest),
            )
            .order_by(inbox.c.batch_id, inbox.c.id)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        read = _Read(rows)
        if read.broken:
            await self.set_aside(list(read.broken), "; ".join(read.broken.values()))
        return read.letters

    async def set_aside(self, rows: Sequence[int], reason: str) -> None:
        """Keep these, but do not deliver them: they would fail again and hold up their group."""
        log.error("inbox.set_aside", rows=list(rows), reason=reason)
        await self._mark(list(rows), set_aside_at=datetime.now(UTC))

    async def delivered(self, letters: Iterable[Letter]) -> None:
        """The workflows have these."""
        await self._mark([row for letter in letters for row in letter.rows], delivered_at=datetime.now(UTC))

    async def _mark(self, rows: list[int], **columns: datetime) -> None:
        def mark(connection: Connection) -> None:
            for part in _parts(rows):
                connection.execute(update(inbox).where(inbox.c.id.in_(part)).values(**columns))

        await self._database.write(mark)

    async def depth(self) -> Depth:
        """How much waits, and for how long; and how much is set aside."""
        waiting = select(func.count(), func.min(inbox.c.received_at)).where(_WAITS)
        aside = select(func.count()).select_from(inbox).where(inbox.c.set_aside_at.is_not(None))
        (count, oldest), set_aside = await self._database.read(
            lambda connection: (connection.execute(waiting).one(), connection.execute(aside).scalar_one())
        )
        return Depth(count, (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0, set_aside)

    async def prune(self, *, delivered_before: datetime, seen_before: datetime) -> None:
        """Forget what was delivered, and alerts nobody mentioned, before those times."""

        def forget(connection: Connection) -> None:
            connection.execute(delete(inbox).where(inbox.c.delivered_at < delivered_before))
            connection.execute(delete(alert_identities).where(alert_identities.c.seen_at < seen_before))

        await self._database.write(forget)


class _Known(NamedTuple):
    group_id: str
    seen_at: datetime


class _Sorter:
    """Sorts the alerts of several webhooks into new and known, and news into rows by group."""

    def __init__(self, known: dict[str, _Known], now: datetime) -> None:
        self._known = known
        self.now = now
        self.rows: list[dict[str, object]] = []
        self.identities: list[dict[str, object]] = []
        self.repeated: set[str] = set()

    def take(self, post: Posted) -> Receipt:
        news: dict[str, list[Alert]] = {}
        for posted in post.webhook.alerts:
            alert = self._news(posted)
            if alert is None:
                continue
            group = self._owner(alert) or post.webhook.group_id
            news.setdefault(group, []).append(alert)
            self._known[_key(alert)] = _Known(group, self.now)
            self.identities.append({"identity": _key(alert), "group_id": group, "seen_at": self.now})
        for group, alerts in news.items():
            self.rows.extend(self._row(group, part, post.traceparent) for part in _sized(alerts))
        fresh = sum(len(alerts) for alerts in news.values())
        return Receipt(len(post.webhook.alerts), len(post.webhook.alerts) - fresh)

    def _news(self, alert: Alert) -> Alert | None:
        """The alert in the episode it is news of, None if it is none."""
        over = None
        while (resolved := self._known.get(_key(alert, "resolved"))) and _key(_again(alert), "firing") in self._known:
            self._still_mentioned(alert)
            alert, over = _again(alert), resolved
        fired = self._known.get(_key(alert, "firing"))
        if alert.status == "firing" and resolved and self.now - resolved.seen_at > LATE:
            self._still_mentioned(alert)
            return _again(alert)
        if _key(alert) in self._known or (over and fired and _ended(alert, over.seen_at, fired.seen_at)):
            self._still_mentioned(alert)
            return None
        return alert

    def _still_mentioned(self, alert: Alert) -> None:
        keys = (_key(alert, status) for status in ("firing", "resolved"))
        self.repeated.update(
            key for key in keys if key in self._known and self.now - self._known[key].seen_at > SEEN_PRECISION
        )

    def _owner(self, alert: Alert) -> str | None:
        """The group that has the episode, or had the one before it."""
        before = alert.model_copy(update={"refired": max(0, alert.refired - 1)})
        keys = (_key(one, status) for one in (alert, before) for status in ("firing", "resolved"))
        return next((self._known[key].group_id for key in keys if key in self._known), None)

    def _row(self, group: str, alerts: "_Part", traceparent: str | None) -> dict[str, object]:
        return {
            "group_id": group,
            "alerts": alerts.docs,
            "size": alerts.size,
            "received_at": self.now,
            "traceparent": traceparent,
        }


class _Part(NamedTuple):
    docs: list[Any]
    size: int


def _key(alert: Alert, status: AlertStatus | None = None) -> str:
    """The identity of that news about the alert, by default the alert's own, hashed to a fixed size."""
    return sha256(f"{alert.episode}/{status or alert.status}".encode())


def _again(alert: Alert) -> Alert:
    return alert.model_copy(update={"refired": alert.refired + 1})


def _ended(alert: Alert, over: datetime, fired: datetime) -> bool:
    """Whether this is still word of the end before the alert fired anew, which was heard of at `over`."""
    return alert.status == "resolved" and alert.ends_at is not None and alert.ends_at <= over < fired


def _sized(alerts: list[Alert]) -> Iterable[_Part]:
    docs: list[Any] = []
    size = 0
    for alert in alerts:
        doc = alert.model_dump(mode="json")
        length = len(canonical_json(doc))
        if docs and size + length > ROW_BYTES:
            yield _Part(docs, size)
            docs, size = [], 0
        docs.append(doc)
        size += length
    yield _Part(docs, size)


def _known(connection: Connection, posts: Sequence[Posted]) -> dict[str, _Known]:
    """What was heard of these alerts; of one that has been resolved, also of the time it fired anew, and so on."""
    asked = [alert for post in posts for alert in post.webhook.alerts]
    known: dict[str, _Known] = {}
    while asked:
        keys = dict.fromkeys(_key(alert, status) for alert in asked for status in ("firing", "resolved"))
        for part in _parts(list(keys)):
            rows = connection.execute(select(alert_identities).where(alert_identities.c.identity.in_(part)))
            known.update((row.identity, _Known(row.group_id, row.seen_at)) for row in rows)
        asked = [_again(alert) for alert in asked if _key(alert, "resolved") in known]
    return known


def _insert(connection: Connection, sorter: _Sorter) -> None:
    if sorter.identities:
        # In one order for all writers, so that none wait for each other in a circle.
        rows = sorted(sorter.identities, key=lambda row: str(row["identity"]))
        connection.execute(insert(alert_identities), rows)
    if sorter.rows:
        connection.execute(insert(inbox), sorter.rows)


def _still_seen(connection: Connection, sorter: _Sorter) -> None:
    """What keeps being repeated is not to be pruned."""
    for part in _parts(sorted(sorter.repeated)):
        repeated = update(alert_identities).where(alert_identities.c.identity.in_(part))
        connection.execute(repeated.values(seen_at=sorter.now))


def _parts(values: list[Any]) -> Iterable[list[Any]]:
    return (values[start : start + IN_QUERY] for start in range(0, len(values), IN_QUERY))


def _first_batches(rows: Sequence[Row[*tuple[Any, ...]]]) -> list[list[int]]:
    """Of each group the first rows, until they fill a batch."""
    batches: dict[str, list[int]] = {}
    sizes: dict[str, int] = {}
    for row in rows:
        size = sizes.get(row.group_id, 0)
        sizes[row.group_id] = size + row.size
        if not size or size + row.size <= ROW_BYTES:
            batches.setdefault(row.group_id, []).append(row.id)
    return list(batches.values())


class _Read:
    """Claimed rows, read: the letters, and why which rows are none."""

    def __init__(self, rows: Sequence[Row[*tuple[Any, ...]]]) -> None:
        self.broken: dict[int, str] = {}
        batches = (self._letter(list(batch)) for _, batch in groupby(rows, key=lambda row: row.batch_id))
        self.letters = [letter for letter in batches if letter]

    def _letter(self, rows: list[Row[*tuple[Any, ...]]]) -> Letter | None:
        read = [(row, alerts) for row in rows if (alerts := self._alerts(row))]
        if not read:
            return None
        first = read[0][0]
        alerts = tuple(alert for _, alerts in read for alert in alerts)
        batch = AlertBatch(batch_id=first.batch_id, group_id=first.group_id, alerts=alerts)
        return Letter(batch, tuple(row.id for row, _ in read), first.traceparent)

    def _alerts(self, row: Row[*tuple[Any, ...]]) -> tuple[Alert, ...]:
        try:
            return ALERTS.validate_json(row.alerts)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            self.broken[row.id] = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            return ()
