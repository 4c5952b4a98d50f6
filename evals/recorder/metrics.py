"""The stored samples behind a site's signals, from before the incident until now."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median

import promql_parser as promql

from agent.collection.windows import RATES, around
from domain.errors import InvalidQuery, UpstreamError
from domain.signals import SignalCatalogue
from evals.exposition import Sample, exposition
from tools.prometheus.models import Series
from tools.prometheus.queries import parsed
from tools.prometheus.read import PrometheusReader

LOOK = timedelta(minutes=5)
"""How far back one looks to learn how often is scraped."""
IN_PARALLEL = 4
NAME = "__name__"


async def recorded_metrics(
    prometheus: PrometheusReader, catalogue: SignalCatalogue, namespace: str, at: datetime, onset: datetime
) -> tuple[str, tuple[str, ...]]:
    """OpenMetrics text, and in words what could not be read."""
    selectors = tuple(dict.fromkeys(selectors_of(catalogue, namespace)))
    slots, problems = asyncio.Semaphore(IN_PARALLEL), list[str]()

    async def stored(selector: str, start: datetime) -> tuple[Series, ...]:
        try:
            async with slots:
                return (await prometheus.stored(selector, start, at)).value
        except (UpstreamError, InvalidQuery) as exc:
            problems.append(f"metrics of {selector}: {exc}")
            return ()

    lately = await asyncio.gather(*(stored(selector, at - LOOK) for selector in selectors))
    start = beginning([series for found in lately for series in found], at, onset)
    found = await asyncio.gather(*(stored(selector, start) for selector in selectors))
    samples = {(item.series, item.at): item for each in found for series in each for item in _samples(series)}
    return exposition(samples.values()), tuple(dict.fromkeys(problems))


def selectors_of(catalogue: SignalCatalogue, namespace: str) -> Iterator[str]:
    """Every selector of every signal, as PromQL."""
    for name in catalogue.signals:
        found: list[str] = []

        def visit(node: promql.Expr, found: list[str] = found) -> None:
            if isinstance(node, promql.VectorSelector):
                found.append(_bare(node))

        promql.walk(parsed(catalogue.render(name, namespace=namespace)), visit)
        yield from found


def beginning(lately: list[Series], at: datetime, onset: datetime) -> datetime:
    """As far back as an investigation looks: it takes the shortest rate that has points, by how often is scraped."""
    gaps = [
        later[0] - earlier[0]
        for series in lately
        for earlier, later in zip(series.points, series.points[1:], strict=False)
    ]
    interval = timedelta(seconds=median(gaps)) if gaps else RATES[-1]
    rate = next((rate for rate in RATES if 3 * interval <= rate), RATES[-1])
    return around(at, onset, rate).start - rate


def _bare(selector: promql.VectorSelector) -> str:
    """Without its offset: what is stored does not depend on it."""
    matchers = ",".join(f"{item.name}{_operator(item)}{_quoted(item.value)}" for item in selector.matchers.matchers)
    return f"{selector.name or ''}{{{matchers}}}" if matchers or not selector.name else selector.name


def _operator(matcher: promql.Matcher) -> str:
    names = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
    return names[str(matcher.op).rpartition(".")[2]]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _samples(series: Series) -> Iterator[Sample]:
    labels = tuple(sorted((name, value) for name, value in series.labels.items() if name != NAME))
    for moment, value in series.points:
        yield Sample(series.labels.get(NAME, ""), labels, repr(value), moment)
