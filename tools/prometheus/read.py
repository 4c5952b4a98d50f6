"""Reads of Prometheus, and of what speaks its API: Thanos, Mimir, VictoriaMetrics."""

import math
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import promql_parser as promql
from pydantic import TypeAdapter

from domain.errors import InvalidQuery, UpstreamTooLarge
from domain.redaction import redact_strings
from tools.http import Params, Upstream
from tools.prometheus import wire
from tools.prometheus.models import Exemplar, Rule, RuleAlert, Sample, Series
from tools.prometheus.queries import DEFAULT_LIMITS, QueryLimits, guarded, parsed, selects_ranges
from tools.reading import Reading

D = TypeVar("D")
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
MAX_SPAN = timedelta(days=31)


class PrometheusReader:
    """Queries are checked by `guarded` first; an answer of more than `max_series` series is refused, not cut.

    The bound is sent along as `limit` so that servers that know it (3.0 on) stop early; for the others the byte cap
    of the HTTP policy holds while the answer is read.
    """

    def __init__(self, upstream: Upstream, *, limits: QueryLimits = DEFAULT_LIMITS, max_series: int = 500) -> None:
        self.upstream = upstream
        self.limits = limits
        self.max_series = max_series

    async def instant(self, query: str, at: datetime | None = None) -> Reading[tuple[Sample, ...]]:
        """The value of every series of `query` at `at` (now if None).

        Values that are NaN or infinite, and native histograms, are left out and counted in a note. Raises
        `InvalidQuery`, or `UpstreamTooLarge` for too many series.
        """
        query = guarded(query, limits=self.limits)
        if selects_ranges(parsed(query)):
            raise InvalidQuery(f"{query} gives a range of values; wrap it in a function such as rate(…)")
        at = at or datetime.now(UTC)
        params = {"query": query, "time": _seconds(at), "limit": self.max_series + 1}
        answer, raw = await self._ask("/api/v1/query", params, wire.INSTANT)
        samples, dropped = wire.samples(answer.data)
        self._refuse_many(len(samples) + dropped)
        notes = (*answer.notes, *_dropped_note(dropped, "samples"))
        return await self.upstream.reading(samples, query, raw, notes=notes, at=at)

    async def range(
        self, query: str, start: datetime, end: datetime, step: timedelta | None = None, max_points: int = 240
    ) -> Reading[tuple[Series, ...]]:
        """Every series of `query` from `start` to `end`.

        The step is the smallest round one that gives at most `max_points` points; a smaller `step` is widened to it,
        with a note. Raises as `instant` does.
        """
        query = guarded(query, limits=self.limits)
        if selects_ranges(parsed(query)):
            raise InvalidQuery(f"{query} gives a range of values; wrap it in a function such as rate(…)")
        chosen, notes = _step(start, end, step, max_points)
        params = {
            "query": query,
            "start": _seconds(start),
            "end": _seconds(end),
            "step": f"{chosen.total_seconds():g}",
            "limit": self.max_series + 1,
        }
        answer, raw = await self._ask("/api/v1/query_range", params, wire.RANGE)
        self._refuse_many(len(answer.data.result))
        series = tuple(wire.series(item) for item in answer.data.result)
        notes = (*notes, *answer.notes, *_dropped_note(sum(item.dropped for item in series), "points"))
        return await self.upstream.reading(series, query, raw, notes=notes, at=end)

    async def stored(self, selector: str, start: datetime, end: datetime) -> Reading[tuple[Series, ...]]:
        """The samples of a selector such as `up{job="x"}` as they were scraped, from `start` to `end`.

        Raises as `instant` does, and `InvalidQuery` for anything but a selector of instant values.
        """
        _refuse_span(start, end)
        expression = parsed(selector)
        if not isinstance(expression, promql.VectorSelector) or expression.offset is not None:
            raise InvalidQuery(f"{selector} is not a plain selector")
        query = f"{guarded(selector, limits=self.limits)}[{math.ceil((end - start).total_seconds())}s]"
        params = {"query": query, "time": _seconds(end), "limit": self.max_series + 1}
        answer, raw = await self._ask("/api/v1/query", params, wire.RANGE)
        self._refuse_many(len(answer.data.result))
        series = tuple(wire.series(item) for item in answer.data.result)
        return await self.upstream.reading(series, query, raw, notes=answer.notes, at=end)

    async def rules(self) -> Reading[tuple[Rule, ...]]:
        """Alerting and recording rules with their state and health."""
        answer, raw = await self._ask("/api/v1/rules", {}, wire.RULES)
        return await self.upstream.reading(wire.rules(answer.data.groups), "GET /api/v1/rules", raw)

    async def alerts(self) -> Reading[tuple[RuleAlert, ...]]:
        """Alerts that rules hold pending or firing, silenced ones included."""
        answer, raw = await self._ask("/api/v1/alerts", {}, wire.ALERTS)
        return await self.upstream.reading(wire.rule_alerts(answer.data.alerts), "GET /api/v1/alerts", raw)

    async def exemplars(self, query: str, start: datetime, end: datetime) -> Reading[tuple[Exemplar, ...]]:
        """Exemplars of the series in `query`, newest first; none where the server does not store them."""
        query = guarded(query, limits=self.limits)
        _refuse_span(start, end)
        params = {"query": query, "start": _seconds(start), "end": _seconds(end)}
        answer, raw = await self._ask("/api/v1/query_exemplars", params, wire.EXEMPLARS)
        return await self.upstream.reading(wire.exemplars(answer.data), query, raw, notes=answer.notes, at=end)

    async def ready(self) -> None:
        """Return if queries are answered. (`/-/ready` is not there behind Thanos' and Mimir's query path.)"""
        await self.upstream.get("/api/v1/query", {"query": "vector(1)"})

    async def _ask(
        self, path: str, params: Params, shape: TypeAdapter[wire.Envelope[D]]
    ) -> tuple[wire.Envelope[D], bytes]:
        document = await self.upstream.document(path, params, clean=redact_strings)
        return self.upstream.parsed(shape, document.value), document.raw

    def _refuse_many(self, count: int) -> None:
        if count > self.max_series:
            raise UpstreamTooLarge(
                self.upstream.system, f"over {self.max_series} series; aggregate (sum by …, topk) or pin labels"
            )


def _step(
    start: datetime, end: datetime, wanted: timedelta | None, max_points: int
) -> tuple[timedelta, tuple[str, ...]]:
    _refuse_span(start, end)
    if max_points < 2:
        raise InvalidQuery("a range needs at least 2 points")
    least = (end - start).total_seconds() / (max_points - 1)
    smallest = timedelta(seconds=next((step for step in STEPS_S if step >= least), STEPS_S[-1]))
    if wanted is None:
        return smallest, ()
    if wanted.total_seconds() >= least:
        return wanted, ()
    return smallest, (f"step widened from {wanted} to {smallest} to stay within {max_points} points",)


def _refuse_span(start: datetime, end: datetime) -> None:
    if end <= start:
        raise InvalidQuery("a range ends after it starts")
    if end - start > MAX_SPAN:
        raise InvalidQuery(f"a range of {end - start} is over {MAX_SPAN.days} days; ask for less")


def _seconds(at: datetime) -> str:
    return f"{at.timestamp():.3f}"


def _dropped_note(count: int, what: str) -> tuple[str, ...]:
    return (f"{count} {what} were NaN, infinite or histograms and are left out",) if count else ()
