"""Tempo's answers, typed. Durations in milliseconds."""

from pydantic import Field

from domain.model import Model, Timestamp


class HitSpan(Model):
    """A span that matched a search."""

    span_id: str
    name: str
    started_at: Timestamp
    duration_ms: float
    attributes: dict[str, str]


class TraceHit(Model):
    """A trace that a search found. `matched` counts its matching spans; `spans` holds a few of them."""

    trace_id: str
    root_service: str
    root_name: str
    started_at: Timestamp
    duration_ms: float
    matched: int
    spans: tuple[HitSpan, ...] = ()


class SpanView(Model):
    """One span. `kind` is `server`, `client`, `internal`, `producer`, `consumer` or `unspecified`."""

    span_id: str
    parent_id: str | None
    service: str
    name: str
    kind: str
    started_at: Timestamp
    duration_ms: float
    error: bool
    message: str = ""
    attributes: dict[str, str] = Field(default_factory=dict)


class PathStep(Model):
    """A span on the critical path. `self_ms` is how long the trace waited for this span and for nothing below it."""

    span_id: str
    service: str
    name: str
    duration_ms: float
    self_ms: float


class ServiceShare(Model):
    """A service's part in a trace. `self_ms` is its share of the critical path."""

    service: str
    spans: int
    errors: int
    self_ms: float


class Call(Model):
    """Calls from one service to another in a trace."""

    client: str
    server: str
    count: int
    errors: int


class TraceSummary(Model):
    """A trace reduced to what a triage asks of it. The critical path is in order of time."""

    trace_id: str
    started_at: Timestamp
    duration_ms: float
    span_count: int
    services: tuple[ServiceShare, ...]
    calls: tuple[Call, ...]
    error_spans: tuple[SpanView, ...]
    slowest_spans: tuple[SpanView, ...]
    critical_path: tuple[PathStep, ...]
