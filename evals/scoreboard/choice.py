"""What the board is to show."""

from pathlib import Path

from domain.model import Model
from evals.transforms.kinds import Kind

INCIDENTS = "incidents"
"""Suites of incidents as they are."""
EXTRAS = ("retrieval", "safety", "metrics", "scripted", "endurance")
"""Suites that are not about recorded incidents."""
PARTS = (INCIDENTS, *map(str, Kind), *EXTRAS)


class Choice(Model):
    """What to run. `suites`: recorded incidents beside our own; `parts`: which of `PARTS`."""

    suites: tuple[Path, ...] = ()
    planner: str = "offline"
    jobs: int = 1
    short: bool = False
    parts: tuple[str, ...] = PARTS
