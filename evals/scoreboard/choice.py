"""What the board is to show."""

from pathlib import Path

from domain.model import Model

EXTRAS = ("retrieval", "safety", "metrics", "endurance")
"""Suites that are not about recorded incidents."""


class Choice(Model):
    """What to run. `suites`: recorded incidents beside our own; `extras`: the suites that are not about incidents."""

    suites: tuple[Path, ...] = ()
    planner: str = "offline"
    jobs: int = 1
    short: bool = False
    transformed: bool = True
    extras: tuple[str, ...] = EXTRAS
