"""Traces of services that stand out: failed ones, and slow ones."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

from agent.collection.reads import Reads, look_at
from agent.collection.sources import Sources
from agent.collection.windows import around
from agent.situation import Situation, Trace
from tools.tempo.queries import SpanQuery
from tools.tempo.read import TempoReader

SERVICES = 3
TRACES_PER_QUERY = 2
FASTEST_SLOW = 0.05
"""Seconds: below this nobody calls a request slow."""


async def read_traces(sources: Sources, situation: Situation, service: str | None, reads: Reads) -> tuple[Trace, ...]:
    """A few traces each of the services with the strongest anomalies."""
    tempo = sources.tempo
    if tempo is None:
        reads.missing("tempo")
        return ()
    found = await asyncio.gather(
        *(_search(tempo, situation, query, reads) for query in worth_tracing(situation, service))
    )
    unique = dict.fromkeys(trace_id for ids in found for trace_id in ids)
    traces = await asyncio.gather(*(_trace(tempo, trace_id, reads) for trace_id in unique))
    return tuple(trace for trace in traces if trace is not None)


def worth_tracing(situation: Situation, service: str | None) -> Iterator[SpanQuery]:
    """Failed spans where errors rose, slow ones where latency did."""
    seen: set[str] = set()
    for anomaly in situation.anomalies:
        if anomaly.subject in seen or len(seen) >= SERVICES:
            continue
        if anomaly.signal == "error_ratio":
            seen.add(anomaly.subject)
            yield SpanQuery(service=anomaly.subject, status="error")
        elif anomaly.signal.startswith("latency"):
            seen.add(anomaly.subject)
            yield SpanQuery(
                service=anomaly.subject, min_duration=timedelta(seconds=max(anomaly.now * 0.7, FASTEST_SLOW))
            )
    if service and service not in seen:
        yield SpanQuery(service=service)


async def _search(tempo: TempoReader, situation: Situation, query: SpanQuery, reads: Reads) -> tuple[str, ...]:
    window = around(situation.now, situation.onset)
    traceql = query.traceql()
    read = tempo.search(traceql, window.start, window.end, limit=TRACES_PER_QUERY)
    reading = await reads.attempt("trace", "tempo", traceql, read)
    return tuple(hit.trace_id for hit in reading.value[:TRACES_PER_QUERY]) if reading else ()


async def _trace(tempo: TempoReader, trace_id: str, reads: Reads) -> Trace | None:
    reading = await reads.attempt("trace", "tempo", f"trace {trace_id}", tempo.trace(trace_id))
    if reading is None:
        return None
    return Trace(look_at("trace", "tempo", reading, f"trace {trace_id}"), reading.value)
