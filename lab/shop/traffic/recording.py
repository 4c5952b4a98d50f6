"""One request being recorded: its spans, its log lines, its share of the metrics."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lab.shop.cluster.processes import Process
from lab.shop.logs import Level, log_line
from lab.shop.metrics.requests import Histogram
from lab.shop.tempo.traces import Attribute, Kind, Resource, Span, Trace
from lab.shop.topology import BY_NAME, NAMESPACE


@dataclass
class Recording:
    """A request on its way; offsets are seconds from `begin`, `weight` how many real requests it stands for."""

    begin: datetime
    weight: int
    rng: random.Random
    resources: dict[str, Resource]
    trace: Trace
    observed: list[tuple[Histogram, float]] = field(default_factory=list[tuple[Histogram, float]])

    def span(self, process: Process, parent: Span | None, name: str, kind: Kind, offset: float) -> Span:
        """Open a span; it ends when `close` is called."""
        start = int(self.begin.timestamp() * 1e9) + int(offset * 1e9)
        span_id = f"{self.rng.getrandbits(64):016x}"
        parent_id = parent.span_id if parent else ""
        opened = Span(span_id, parent_id, name, kind, self._resource(process), start, start)
        self.trace.spans.append(opened)
        return opened

    def _resource(self, process: Process) -> Resource:
        version = process.build.version if process.build else ""
        key = f"{process.pod}/{version}"
        if key not in self.resources:
            attributes: dict[str, Attribute] = {
                "service.name": process.owner,
                "service.namespace": NAMESPACE,
                "service.version": version,
                "k8s.namespace.name": process.namespace,
                "k8s.pod.name": process.pod,
                "k8s.container.name": process.container.name,
                f"k8s.{BY_NAME[process.owner].kind.lower()}.name": process.owner,
            }
            self.resources[key] = Resource(attributes)
        return self.resources[key]

    def log(self, process: Process, offset: float, level: Level, message: str, **fields: str | float) -> None:
        """Let the program write a line that names this trace."""
        at = self.begin + timedelta(seconds=offset)
        form = process.build.log_format if process.build else "json"
        process.write(at, log_line(form, at, level, message, trace_id=self.trace.trace_id, **fields))


def close(span: Span, seconds: float, error: str = "") -> None:
    """End a span after `seconds`; an error message makes it a failed one."""
    span.end = span.start + max(1, int(seconds * 1e9))
    if error:
        span.status, span.message = "error", error
