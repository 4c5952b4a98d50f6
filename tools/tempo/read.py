"""Reads of Tempo.

Source: https://grafana.com/docs/tempo/latest/api_docs/
"""

import re
from datetime import UTC, datetime

from pydantic import Field, TypeAdapter

from domain.errors import InvalidQuery, NotFound, UpstreamGarbled, UpstreamRejected
from domain.model import External
from tools.http import Document, Upstream
from tools.reading import Reading
from tools.tempo.models import HitSpan, TraceHit, TraceSummary
from tools.tempo.otlp import TRACE, KeyValue, Nanoseconds, hexadecimal, spans, wrapped
from tools.tempo.queries import limited
from tools.tempo.summaries import NANOSECONDS_PER_MS, summarise

MAX_HITS = 100
SPANS_PER_HIT = 3
_TRACE_ID = re.compile(r"[0-9a-fA-F]{1,32}")


class _Span(External):
    span_id: str = Field(default="", alias="spanID")
    name: str = ""
    start: Nanoseconds = Field(default=0, alias="startTimeUnixNano")
    duration: int = Field(default=0, alias="durationNanos")
    attributes: tuple[KeyValue, ...] = ()


class _SpanSet(External):
    spans: tuple[_Span, ...] = ()
    matched: int = 0


class _Hit(External):
    trace_id: str = Field(alias="traceID")
    root_service: str = Field(default="", alias="rootServiceName")
    root_name: str = Field(default="", alias="rootTraceName")
    start: Nanoseconds = Field(default=0, alias="startTimeUnixNano")
    duration_ms: float = Field(default=0, alias="durationMs")
    span_set: _SpanSet | None = Field(default=None, alias="spanSet")
    span_sets: tuple[_SpanSet, ...] | None = Field(default=None, alias="spanSets")


class _Hits(External):
    traces: tuple[_Hit, ...] | None = None


_HITS: TypeAdapter[_Hits] = TypeAdapter(_Hits)


class TempoReader:
    """Tempo's HTTP API, version 2 where there is one."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    async def search(
        self, traceql: str, start: datetime, end: datetime, limit: int = 20
    ) -> Reading[tuple[TraceHit, ...]]:
        """Up to `limit` (at most 100) traces with spans that match, newest first. Raises `InvalidQuery`."""
        query = limited(traceql)
        if end <= start:
            raise InvalidQuery("a search ends after it starts")
        params = {
            "q": query,
            "start": int(start.timestamp()),
            "end": int(end.timestamp()) + 1,
            "limit": max(1, min(limit, MAX_HITS)),
            "spss": SPANS_PER_HIT,
        }
        document = await self.upstream.document("/api/search", params)
        hits = (_hit(raw) for raw in self.upstream.parsed(_HITS, document.value).traces or ())
        ordered = tuple(sorted(hits, key=lambda hit: hit.started_at, reverse=True))
        return await self.upstream.reading(ordered, query, document.raw, at=end)

    async def trace(self, trace_id: str) -> Reading[TraceSummary]:
        """One trace, reduced; the whole of it is in the artifact store. Raises `NotFound`."""
        if not _TRACE_ID.fullmatch(trace_id):
            raise InvalidQuery(f"{trace_id[:80]!r} is not a trace id")
        trace_id = trace_id.lower().zfill(32)
        document = await self._trace(trace_id)
        found = list(spans(self.upstream.parsed(TRACE, wrapped(document.value)).trace))
        if not found:
            raise NotFound(f"trace {trace_id} has no spans")
        return await self.upstream.reading(summarise(trace_id, found), f"trace {trace_id}", document.raw)

    async def ready(self) -> None:
        """Return if it answers queries. (`/ready` is the ingester's and not there behind a gateway.)"""
        await self.upstream.get_text("/api/echo")

    async def _trace(self, trace_id: str) -> Document:
        """By the newer path, and by the older one where that is not known."""
        for path in ("/api/v2/traces/", "/api/traces/"):
            try:
                return await self.upstream.document(f"{path}{trace_id}")
            except UpstreamRejected as exc:
                if exc.status != 404:
                    raise
        raise NotFound(f"trace {trace_id} is not in Tempo")


def _hit(raw: _Hit) -> TraceHit:
    sets = raw.span_sets or ((raw.span_set,) if raw.span_set else ())
    try:
        trace_id = hexadecimal(raw.trace_id, 16) if len(raw.trace_id) == 24 else raw.trace_id.lower().zfill(32)
    except ValueError as exc:
        raise UpstreamGarbled("tempo", str(exc)) from exc
    return TraceHit(
        trace_id=trace_id,
        root_service=raw.root_service,
        root_name=raw.root_name,
        started_at=_when(raw.start),
        duration_ms=raw.duration_ms,
        matched=sum(item.matched for item in sets),
        spans=tuple(_span(span) for item in sets for span in item.spans)[:SPANS_PER_HIT],
    )


def _span(raw: _Span) -> HitSpan:
    return HitSpan(
        span_id=raw.span_id,
        name=raw.name,
        started_at=_when(raw.start),
        duration_ms=raw.duration / NANOSECONDS_PER_MS,
        attributes={item.key: str(item.value) for item in raw.attributes},
    )


def _when(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
