"""`/api/search`: the newest traces a query finds, with the spans that made it find them."""

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from lab.shop.cluster.objects import Manifest
from lab.shop.tempo.expressions import Keyword
from lab.shop.tempo.otlp import any_value
from lab.shop.tempo.traceql import Query, parse_query
from lab.shop.tempo.traces import Span, Trace, TraceStore

NANOSECONDS = 1_000_000_000


class SearchQuery(BaseModel):
    """Parameters of a search; `start` and `end` are seconds since the epoch, `spss` spans shown a trace."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    q: str = "{}"
    limit: int = Field(default=20, ge=1, le=1000)
    spss: int = Field(default=3, ge=1, le=1000)
    start: int = 0
    end: int = 0


def search(store: TraceStore, query: SearchQuery) -> Manifest:
    """Answer a search. Raises `TraceQLError`."""
    parsed = parse_query(query.q or "{}")
    inspected, found = 0, list[JsonValue]()
    for trace in _within(store, query):
        inspected += 1
        if spans := parsed.search(trace):
            found.append(_result(trace, spans, parsed, query.spss))
        if len(found) == query.limit:
            break
    return {"traces": found, "metrics": _metrics(inspected)}


def _metrics(inspected: int) -> Manifest:
    return {"inspectedTraces": inspected, "inspectedBytes": str(inspected * 4096), "completedJobs": 1, "totalJobs": 1}


def _within(store: TraceStore, query: SearchQuery) -> Iterator[Trace]:
    for trace in store.newest():
        start, end = trace.start, trace.start + trace.duration
        if (not query.start or end >= query.start * NANOSECONDS) and (
            not query.end or start <= query.end * NANOSECONDS
        ):
            yield trace


def _result(trace: Trace, spans: list[Span], query: Query, shown: int) -> Manifest:
    entries: list[JsonValue] = [_span(trace, span, query) for span in spans[:shown]]
    span_set: Manifest = {"spans": entries, "matched": len(spans)}
    return {
        "traceID": trace.trace_id,
        "rootServiceName": trace.root.resource.service,
        "rootTraceName": trace.root.name,
        "startTimeUnixNano": str(trace.start),
        "durationMs": trace.duration // 1_000_000,
        "spanSet": span_set,
        "spanSets": [span_set],
    }


def _span(trace: Trace, span: Span, query: Query) -> Manifest:
    attributes: list[JsonValue] = []
    for field in query.fields:
        value = field.read(trace, span)
        if value is not None and field.intrinsic not in {"name", "duration", "trace:id", "span:id"}:
            shown = value.word if isinstance(value, Keyword) else value
            attributes.append({"key": field.key, "value": any_value(shown)})
    return {
        "spanID": span.span_id,
        "name": span.name,
        "startTimeUnixNano": str(span.start),
        "durationNanos": str(span.duration),
        "attributes": attributes,
    }


def tag_names(store: TraceStore) -> dict[str, set[str]]:
    """The names that can be searched by, by scope."""
    names: dict[str, set[str]] = {"resource": set(), "span": set()}
    for trace in store.newest():
        for span in trace.spans:
            names["span"].update(span.attributes)
            names["resource"].update(span.resource.attributes)
    names["intrinsic"] = {"duration", "kind", "name", "rootName", "rootServiceName", "status", "statusMessage"}
    return names
