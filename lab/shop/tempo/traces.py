"""Spans, traces and the store that keeps the interesting ones."""

import random
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Attribute: TypeAlias = str | int | float | bool
Kind: TypeAlias = Literal["server", "client", "internal", "producer", "consumer"]
Status: TypeAlias = Literal["unset", "ok", "error"]

# Tail sampling: all that went wrong or took long is kept as far as the room goes, of the rest one in this many.
KEEP_ONE_IN = 6
SLOW_SECONDS = 0.4
CAPACITY = 4000


@dataclass(frozen=True)
class Resource:
    """What emitted a span, by the semantic conventions' names."""

    attributes: dict[str, Attribute]

    @property
    def service(self) -> str:
        """`service.name`."""
        return str(self.attributes["service.name"])


@dataclass(slots=True)
class Span:
    """One span; times are nanoseconds since the epoch, ids lower-case hex."""

    span_id: str
    parent_id: str
    name: str
    kind: Kind
    resource: Resource
    start: int
    end: int
    status: Status = "unset"
    message: str = ""
    attributes: dict[str, Attribute] = field(default_factory=dict[str, Attribute])

    @property
    def duration(self) -> int:
        """Nanoseconds."""
        return self.end - self.start


@dataclass(slots=True)
class Trace:
    """All spans of one request, the root first."""

    trace_id: str
    spans: list[Span] = field(default_factory=list[Span])

    @property
    def root(self) -> Span:
        """The span without a parent."""
        return self.spans[0]

    @property
    def start(self) -> int:
        """When its first span began."""
        return min(span.start for span in self.spans)

    @property
    def duration(self) -> int:
        """From the first start to the last end, nanoseconds."""
        return max(span.end for span in self.spans) - self.start

    @property
    def failed(self) -> bool:
        """Whether any span of it failed."""
        return any(span.status == "error" for span in self.spans)


class TraceStore:
    """The newest kept traces."""

    def __init__(self, rng: random.Random):
        self._rng = rng
        self._traces: OrderedDict[str, Trace] = OrderedDict()

    def offer(self, trace: Trace) -> bool:
        """Keep the trace if the sampling says so; whether it was kept comes back."""
        interesting = trace.failed or trace.root.duration > SLOW_SECONDS * 1e9
        if not interesting and self._rng.randrange(KEEP_ONE_IN):
            return False
        self._traces[trace.trace_id] = trace
        if len(self._traces) > CAPACITY:
            self._traces.popitem(last=False)
        return True

    def get(self, trace_id: str) -> Trace | None:
        """The trace of that id, or None."""
        return self._traces.get(trace_id)

    def newest(self) -> Iterator[Trace]:
        """All kept traces, the newest first."""
        return iter(reversed(self._traces.values()))
