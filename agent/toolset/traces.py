"""Tools over Tempo."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from pydantic_ai import RunContext

from agent.analysis import Sources
from agent.toolset.cited import CitedAnswer, cite, evidence_of
from agent.toolset.focus import Focus
from agent.toolset.wording import clock, number
from domain.errors import NotConfigured
from domain.evidence import Claim, Evidence, Observation
from tools.reading import Reading
from tools.tempo.models import SpanView, TraceHit, TraceSummary
from tools.tempo.queries import SpanQuery
from tools.tempo.read import TempoReader

SHOWN_TRACES = 12
SHOWN_SPANS = 10


class TraceTools:
    """Traces: which requests failed or were slow, and where their time went."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def search_traces(
        self,
        ctx: RunContext[Focus],
        service: Annotated[str | None, Field(max_length=253)] = None,
        errors_only: bool = True,
        slower_than_ms: Annotated[int | None, Field(ge=1, le=600_000)] = None,
        minutes: Annotated[int, Field(ge=1, le=720)] = 15,
    ) -> CitedAnswer:
        """Traces with a span of the service that failed, or was slow.

        Args:
            service: The service; the incident's if left out.
            errors_only: Only spans with an error.
            slower_than_ms: Only spans that took longer.
            minutes: How far to look back from the incident's time.
        """
        name = service or ctx.deps.service
        query = SpanQuery(
            service=name,
            status="error" if errors_only else None,
            min_duration=timedelta(milliseconds=slower_than_ms) if slower_than_ms else None,
        )
        end = ctx.deps.at
        reading = await self._tempo().search(query.traceql(), end - timedelta(minutes=minutes), end, SHOWN_TRACES)
        return _hits_answer(name or "any service", reading)

    async def get_trace(
        self, ctx: RunContext[Focus], trace_id: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{1,32}$")]
    ) -> CitedAnswer:
        """One trace: error spans, slowest spans, and the critical path with the time each span itself took.

        Args:
            trace_id: Hexadecimal, from search_traces or an exemplar.
        """
        return _trace_answer(await self._tempo().trace(trace_id))

    def _tempo(self) -> TempoReader:
        if self._sources.tempo is None:
            raise NotConfigured("tempo")
        return self._sources.tempo


def _hits_answer(service: str, reading: Reading[tuple[TraceHit, ...]]) -> CitedAnswer:
    observations = [Observation(key="traces found", value=float(len(reading.value)))]
    observations.extend(
        Observation(
            key=f"trace {hit.trace_id}",
            value=f"{hit.root_service} {hit.root_name} at {clock(hit.started_at)}, {hit.duration_ms:.0f} ms",
        )
        for hit in reading.value
    )
    evidence = evidence_of(
        "trace",
        "tempo",
        reading,
        summary=f"{len(reading.value)} traces of {service}",
        observations=observations,
    )
    return CitedAnswer.of(evidence)


def _trace_answer(reading: Reading[TraceSummary]) -> CitedAnswer:
    trace = reading.value
    observations = [Observation(key="duration", value=trace.duration_ms, unit="ms")]
    observations.extend(
        Observation(key=f"self time {step.service} {step.name}", value=step.self_ms, unit="ms")
        for step in sorted(trace.critical_path, key=lambda step: -step.self_ms)[:SHOWN_SPANS]
    )
    observations.extend(
        Observation(key=f"error {span.service} {span.name}", value=_error_text(span))
        for span in trace.error_spans[:SHOWN_SPANS]
    )
    observations.extend(
        Observation(key=f"slow {span.service} {span.name}", value=span.duration_ms, unit="ms")
        for span in trace.slowest_spans[:SHOWN_SPANS]
    )
    evidence = evidence_of(
        "trace",
        "tempo",
        reading,
        summary=f"trace {trace.trace_id}: {trace.span_count} spans, {len(trace.error_spans)} with an error",
        observations=observations,
    )
    return CitedAnswer.of(evidence, claims=_trace_claims(evidence, trace))


def _trace_claims(evidence: Evidence, trace: TraceSummary) -> list[Claim]:
    claims: list[Claim] = []
    if trace.critical_path:
        step = max(trace.critical_path, key=lambda step: step.self_ms)
        text = f"most of a request's time, {number(step.self_ms)} ms, was spent in {step.service} itself"
        claims.append(cite(evidence, text, f"self time {step.service} {step.name}"))
    if trace.error_spans:
        span = trace.error_spans[-1]
        claims.append(cite(evidence, f"a request failed in {span.service}", f"error {span.service} {span.name}"))
    return claims


def _error_text(span: SpanView) -> str:
    status = " ".join(f"{key}={value}" for key, value in list(span.attributes.items())[:4])
    return f"{span.message} {status}".strip() or "error"
