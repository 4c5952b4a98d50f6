"""Events, old (core/v1 with `count`) and new (with `series`), told alike."""

from datetime import UTC, datetime

from pydantic import Field, TypeAdapter

from domain.model import External
from domain.objects import ObjectRef
from tools.kubernetes.models import Event


class _Involved(External):
    kind: str = ""
    name: str = ""
    namespace: str | None = None


class _Series(External):
    count: int = 0
    last_seen: datetime | None = Field(default=None, alias="lastObservedTime")


class _Source(External):
    component: str | None = None


class _Metadata(External):
    created_at: datetime | None = Field(default=None, alias="creationTimestamp")


class RawEvent(External):
    """An event as the API server gives it."""

    metadata: _Metadata = _Metadata()
    involved: _Involved = Field(alias="involvedObject")
    type: str | None = None
    reason: str | None = None
    message: str | None = None
    count: int | None = None
    first_seen: datetime | None = Field(default=None, alias="firstTimestamp")
    last_seen: datetime | None = Field(default=None, alias="lastTimestamp")
    event_time: datetime | None = Field(default=None, alias="eventTime")
    series: _Series | None = None
    source: _Source = _Source()
    reporter: str | None = Field(default=None, alias="reportingComponent")


EVENTS: TypeAdapter[tuple[RawEvent, ...]] = TypeAdapter(tuple[RawEvent, ...])


def event_of(raw: RawEvent) -> Event | None:
    """The event, or None for one that is about nothing."""
    kind = raw.involved.kind.lower()
    if not (kind.isascii() and kind.isalnum() and raw.involved.name):
        return None
    series = raw.series or _Series()
    first = raw.first_seen or raw.event_time or raw.metadata.created_at
    return Event(
        involved=ObjectRef(kind=kind, name=raw.involved.name, namespace=raw.involved.namespace),
        type=raw.type or "",
        reason=raw.reason or "",
        message=raw.message or "",
        count=raw.count or series.count or 1,
        first_seen=first,
        last_seen=series.last_seen or raw.last_seen or first,
        source=raw.source.component or raw.reporter or "",
    )


def by_time(event: Event) -> datetime:
    """When it was last seen; the beginning of time if it does not say."""
    return event.last_seen or datetime.min.replace(tzinfo=UTC)
