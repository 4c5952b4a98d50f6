"""Signals that left their own past: robust against noise (median and IQR), and against spikes (runs of points)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import NamedTuple

from agent.looks import Look, Sighting
from tools.prometheus.models import Points, Series

BAND = 4.0
"""A point stands out when it is this many scales from the median before."""
SHORTEST_RUN = 3
UNALERTED_RUN = 6
"""Without any alert a run must be this long: chance makes short ones, and nobody has complained."""
LATEST = 8
"""Points of a run whose median says where it stands now: a rate climbs while its range fills. Of one that is over all
points count: its last ones are the way back.
"""
LEAST_BASELINE = 5
RECOVERED = 4
"""This many normal points at the end mean that it is over."""
OF_LATE = 180.0
"""Seconds: during an incident, what ended this long ago still counts as the present."""
BEFORE_ALERT = timedelta(seconds=45)
"""How long before its alert a fault may have begun: rules wait, rates smooth."""


class Floor(NamedTuple):
    """The least scale of a signal: a share of the median before, and an absolute amount in the signal's unit."""

    share: float
    amount: float


FLOORS = {
    "latency_p50": Floor(0.15, 0.004),
    "latency_p95": Floor(0.15, 0.008),
    "error_ratio": Floor(0.1, 0.005),
    "rate_limited_ratio": Floor(0.1, 0.005),
    "request_rate": Floor(0.08, 0.05),
    "cpu_usage": Floor(0.15, 0.004),
    "cpu_throttling": Floor(0.2, 0.02),
    "memory_usage": Floor(0.05, 4_000_000.0),
    "saturation": Floor(0.05, 0.03),
    "restarts": Floor(0.0, 0.2),
    "disk_io": Floor(0.2, 50_000.0),
    "sockets": Floor(0.1, 3.0),
    "node_cpu": Floor(0.1, 0.01),
    "node_memory": Floor(0.05, 0.02),
    "node_retransmits": Floor(0.2, 0.5),
    "network_receive": Floor(0.1, 1.0),
    "network_transmit": Floor(0.1, 1.0),
}
"""Signals that are scored, with their floors. Others are states, not measurements, and are read by their analyzers."""

NO_TRAFFIC_IS_ZERO = frozenset({"latency_p50", "latency_p95"})
"""Signals whose zeros mean that nothing was measured."""


@dataclass(frozen=True)
class Anomaly:
    """A run of points away from the median before. `score` is how many scales it is away.

    `now` is where it stands, or stood until it came back, which `over` says. `ongoing`: it has not come back, or only
    lately and since an alert says that it matters: what had come back before the alert is another story.
    """

    signal: str
    subject: str
    before: float
    now: float
    score: float
    onset: datetime
    ongoing: bool
    look: Look
    label: str = ""
    over: bool = False

    @property
    def rise(self) -> float:
        """By how much it went up; negative when it fell."""
        return self.now - self.before

    @property
    def sightings(self) -> tuple[Sighting, Sighting]:
        """The values before and now."""
        of = f"{self.subject} {self.signal}" + (f" {self.label}" if self.label else "")
        return self.look.sees(f"{of} before", round(self.before, 6)), self.look.sees(f"{of} now", round(self.now, 6))


def anomaly_of(
    signal: str, series: Series, look: Look, onset: datetime | None, *, alerted: bool = True, budding: bool = False
) -> Anomaly | None:
    """How the series left its past, if it did. `budding`: a single last point is enough."""
    floor = FLOORS.get(signal)
    subject = series.labels.get("service") or series.labels.get("node") or ""
    points = _measured(signal, series.points)
    if floor is None or not subject or len(points) < LEAST_BASELINE + SHORTEST_RUN:
        return None
    earlier = _border(points, onset) or max(LEAST_BASELINE, len(points) // 3)
    baseline, later = points[:earlier], points[earlier:]
    before = _median(baseline)
    scale = max(_spread(baseline), floor.share * abs(before), floor.amount)
    shortest = 1 if budding else SHORTEST_RUN if alerted else UNALERTED_RUN
    run = _latest_run(later, before, BAND * scale, shortest)
    if not run or (budding and run[-1] != points[-1]):
        return None
    over = _over(later, run, before, BAND * scale)
    now = _median(run if over else run[-LATEST:])
    return Anomaly(
        signal=signal,
        subject=subject,
        before=before,
        now=now,
        score=abs(now - before) / scale,
        onset=datetime.fromtimestamp(run[0][0], UTC),
        ongoing=not over or _of_the_incident(run[-1][0], later[-1][0], onset),
        look=look,
        over=over,
    )


def _measured(signal: str, points: Points) -> Points:
    return tuple(point for point in points if point[1] > 0) if signal in NO_TRAFFIC_IS_ZERO else points


def _border(points: Points, onset: datetime | None) -> int:
    """How many points lie before the incident; 0 where that leaves too few on either side to compare."""
    if onset is None:
        return 0
    border = (onset - BEFORE_ALERT).timestamp()
    earlier = sum(1 for moment, _ in points if moment < border)
    return earlier if LEAST_BASELINE <= earlier <= len(points) - SHORTEST_RUN else 0


def _latest_run(points: Points, centre: float, distance: float, shortest: int) -> Points:
    """The points that stand out in the latest episode; empty without one.

    An episode has a run of at least `shortest` neighbours on the same side; runs with fewer than `RECOVERED` normal
    points between them are one episode. What was long ago may have lasted longer: it is not what is happening.
    """
    runs = [run for run in _runs(points, centre, distance) if len(run) >= shortest]
    if not runs:
        return ()
    episode = [runs[-1]]
    for earlier in reversed(runs[:-1]):
        same_side = (earlier[0][1] > centre) == (episode[0][0][1] > centre)
        between = sum(1 for moment, _ in points if earlier[-1][0] < moment < episode[0][0][0])
        if not same_side or between >= RECOVERED:
            break
        episode.insert(0, earlier)
    return tuple(point for run in episode for point in run)


def _runs(points: Points, centre: float, distance: float) -> Iterator[Points]:
    """Neighbours that stand out on the same side, oldest run first."""
    sides = [0 if abs(value - centre) <= distance else 1 if value > centre else -1 for _, value in points]
    start = 0
    for end in range(1, len(sides) + 1):
        if end == len(sides) or sides[end] != sides[start]:
            if sides[start]:
                yield points[start:end]
            start = end


def _over(points: Points, run: Points, centre: float, distance: float) -> bool:
    """Whether the series has come back. Silence after the run is no recovery; a few normal points are."""
    after = [value for moment, value in points if moment > run[-1][0]]
    return sum(1 for value in after[-RECOVERED:] if abs(value - centre) <= distance) == RECOVERED


def _of_the_incident(ended: float, last: float, onset: datetime | None) -> bool:
    """Whether what ended belongs to the incident: it ended lately, and not before the first alert."""
    return onset is not None and ended >= onset.timestamp() and last - ended <= OF_LATE


def _median(points: Sequence[tuple[float, float]]) -> float:
    return median(value for _, value in points)


def _spread(points: Sequence[tuple[float, float]]) -> float:
    """The interquartile range."""
    values = sorted(value for _, value in points)
    quarter = len(values) // 4
    return values[-1 - quarter] - values[quarter]


def strongest(anomalies: Iterable[Anomaly]) -> tuple[Anomaly, ...]:
    """Strongest first."""
    return tuple(sorted(anomalies, key=lambda item: item.score, reverse=True))
