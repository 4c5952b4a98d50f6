"""A trace reduced to what a triage asks: who took part, what failed, what was slow, what everybody waited for."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from tools.tempo.models import Call, PathStep, ServiceShare, SpanView, TraceSummary
from tools.tempo.otlp import Span

ERRORS_SHOWN = 20
SLOWEST_SHOWN = 10
PATH_SHOWN = 50
NANOSECONDS_PER_MS = 1_000_000


class SpanTree:
    """Spans by their parents. Spans whose parent is missing are roots; so is one of every cycle, by `root` only."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = {span.span_id: span for span in spans}
        self.children: dict[str, list[Span]] = defaultdict(list)
        for span in self.spans.values():
            if span.parent_id in self.spans and span.parent_id != span.span_id:
                self.children[span.parent_id].append(span)

    @property
    def root(self) -> Span:
        """The longest span without a parent; in a trace of cycles only, the longest span."""
        orphans = [span for span in self.spans.values() if span.parent_id not in self.spans]
        return max(orphans or self.spans.values(), key=lambda span: (span.end - span.start, span.span_id))

    def parent(self, span: Span) -> Span | None:
        """The span that started this one."""
        return self.spans.get(span.parent_id)


def critical_path(tree: SpanTree) -> dict[str, int]:
    """Nanoseconds by span id that the root waited for that span itself; they add up to the root's duration.

    Walks backwards from the root's end: the child that ended last before the cursor is what was waited for; what lies
    between children is the span's own time. Parts of children outside their parent (asynchronous work, skewed clocks)
    do not count.
    """
    waited: dict[str, int] = {}
    root = tree.root
    pending = [(root, root.start, root.end)]
    while pending:
        span, floor, cursor = pending.pop()
        if span.span_id in waited:
            continue
        own = 0
        for child in sorted(tree.children[span.span_id], key=lambda item: item.end, reverse=True):
            start, end = max(child.start, floor), min(child.end, cursor)
            if start >= end or child.span_id in waited:
                continue
            own += cursor - end
            pending.append((child, start, end))
            cursor = start
        waited[span.span_id] = own + max(cursor - floor, 0)
    return waited


def summarise(trace_id: str, spans: Sequence[Span]) -> TraceSummary:
    """The summary of a trace of at least one span."""
    tree = SpanTree(spans)
    waited = critical_path(tree)
    found = list(tree.spans.values())
    start, end = min(span.start for span in found), max(span.end for span in found)
    failed = sorted((span for span in found if span.status.error), key=lambda span: span.start)
    slowest = sorted(found, key=lambda span: span.end - span.start, reverse=True)
    return TraceSummary(
        trace_id=trace_id,
        started_at=_when(start),
        duration_ms=_ms(end - start),
        span_count=len(found),
        services=_shares(found, waited),
        calls=_calls(tree),
        error_spans=tuple(_view(span) for span in failed[:ERRORS_SHOWN]),
        slowest_spans=tuple(_view(span) for span in slowest[:SLOWEST_SHOWN]),
        critical_path=_path(tree, waited),
    )


def _path(tree: SpanTree, waited: dict[str, int]) -> tuple[PathStep, ...]:
    """The steps in order of time; of a long path those that were waited for most."""
    kept = sorted(waited, key=lambda span_id: waited[span_id], reverse=True)[:PATH_SHOWN]
    steps = sorted((tree.spans[span_id] for span_id in kept), key=lambda span: span.start)
    return tuple(
        PathStep(
            span_id=span.span_id,
            service=span.service,
            name=span.name,
            duration_ms=_ms(span.end - span.start),
            self_ms=_ms(waited[span.span_id]),
        )
        for span in steps
    )


def _shares(spans: Iterable[Span], waited: dict[str, int]) -> tuple[ServiceShare, ...]:
    """Services, those that were waited for most first."""
    count, errors, own = Counter[str](), Counter[str](), Counter[str]()
    for span in spans:
        count[span.service] += 1
        errors[span.service] += span.status.error
        own[span.service] += waited.get(span.span_id, 0)
    ranked = sorted(count, key=lambda service: (-own[service], service))
    return tuple(
        ServiceShare(service=name, spans=count[name], errors=errors[name], self_ms=_ms(own[name])) for name in ranked
    )


def _calls(tree: SpanTree) -> tuple[Call, ...]:
    """Edges between services, where a span's parent belongs to another."""
    count, errors = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for span in tree.spans.values():
        parent = tree.parent(span)
        if parent is not None and parent.service != span.service:
            edge = (parent.service, span.service)
            count[edge] += 1
            errors[edge] += span.status.error or parent.status.error
    return tuple(Call(client=a, server=b, count=count[a, b], errors=errors[a, b]) for a, b in sorted(count))


def _view(span: Span) -> SpanView:
    return SpanView(
        span_id=span.span_id,
        parent_id=span.parent_id or None,
        service=span.service,
        name=span.name,
        kind=span.kind,
        started_at=_when(span.start),
        duration_ms=_ms(span.end - span.start),
        error=span.status.error,
        message=span.status.message,
        attributes={item.key: str(item.value) for item in span.attributes},
    )


def _ms(nanoseconds: int) -> float:
    return nanoseconds / NANOSECONDS_PER_MS


def _when(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
