"""What the shop's programs measure themselves, and the service graph a metrics generator makes of their traces."""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Exemplar(NamedTuple):
    """One observation with the trace it came from."""

    value: float
    trace_id: str
    at: datetime


class Histogram:
    """Weighted observations in cumulative-to-be buckets, each with the newest exemplar; values in seconds."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.exemplars: list[Exemplar | None] = [None] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, value: float, weight: int) -> None:
        """Count a value `weight` times."""
        self.counts[bisect_left(BOUNDS, value)] += weight
        self.sum += value * weight

    def exemplify(self, value: float, trace_id: str, at: datetime) -> None:
        """Let a trace stand for the bucket `value` falls into."""
        self.exemplars[bisect_left(BOUNDS, value)] = Exemplar(value, trace_id, at)


class RequestKey(NamedTuple):
    """Labels of `http_requests_total`."""

    namespace: str
    service: str
    pod: str
    code: str


class EdgeKey(NamedTuple):
    """Labels of the service graph; `connection_type` is empty between services, `database` or the like outside."""

    client: str
    server: str
    connection_type: str


@dataclass
class Edge:
    """One edge of the service graph."""

    total: int = 0
    failed: int = 0
    server_seconds: Histogram = field(default_factory=Histogram)
    client_seconds: Histogram = field(default_factory=Histogram)


class RequestMetrics:
    """All request counters since the start of the shop."""

    def __init__(self) -> None:
        self.requests: dict[RequestKey, int] = defaultdict(int)
        self.durations: dict[tuple[str, str], Histogram] = defaultdict(Histogram)
        self.edges: dict[EdgeKey, Edge] = defaultdict(Edge)

    def served(self, key: RequestKey, seconds: float, weight: int) -> Histogram:
        """Count a request at the program that served it; the histogram it went to comes back."""
        self.requests[key] += weight
        histogram = self.durations[key.namespace, key.service]
        histogram.observe(seconds, weight)
        return histogram

    def crossed(self, key: EdgeKey, *, client: float, server: float | None, failed: bool, weight: int) -> Edge:
        """Count a call between two services; `server` is None when it was never reached."""
        edge = self.edges[key]
        edge.total += weight
        edge.failed += weight if failed else 0
        edge.client_seconds.observe(client, weight)
        if server is not None:
            edge.server_seconds.observe(server, weight)
        return edge

    def forget_pods(self, alive: set[str]) -> None:
        """Drop the series of pods that are gone, as a scrape of them would fail."""
        for key in [key for key in self.requests if key.pod not in alive]:
            del self.requests[key]
