"""Time windows of an analysis: from well before the incident until now, as far back as its resolution is worth."""

from dataclasses import dataclass
from datetime import datetime, timedelta

RATES = (timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5))
"""Ranges of rates, tried shortest first: how short one can be depends on the site's scrape interval."""
LEAD = 16
"""How many ranges of a rate are looked at before the incident."""
STEPS = 15
"""Points within one range of a rate."""
MOST_POINTS = 240
LONGEST = timedelta(hours=6)
BLURRED = timedelta(minutes=30)
"""Incidents older than this are looked at with longer rates only: their onset no longer needs seconds."""


@dataclass(frozen=True)
class Window:
    """What is looked at. `rate` is the range of rates."""

    start: datetime
    end: datetime
    rate: timedelta

    @property
    def step(self) -> timedelta:
        """Distance of points, in whole seconds."""
        finest = self.rate.total_seconds() / STEPS
        coarsest = (self.end - self.start).total_seconds() / MOST_POINTS
        return timedelta(seconds=max(1, round(max(finest, coarsest) + 0.499)))

    @property
    def promql(self) -> str:
        """The range as PromQL writes it."""
        return f"{int(self.rate.total_seconds())}s"


def around(at: datetime, onset: datetime | None, rate: timedelta = RATES[1]) -> Window:
    """From `LEAD` ranges before the onset until `at`; of an incident older than `LONGEST` the end is seen."""
    begin = min(onset or at, at) - LEAD * rate
    return Window(max(begin, at - LONGEST), at, rate)


def windows(at: datetime, onset: datetime | None) -> tuple[Window, ...]:
    """Windows worth trying, finest first."""
    young = onset is None or at - onset <= BLURRED
    return tuple(around(at, onset, rate) for rate in (RATES if young else RATES[1:]))
