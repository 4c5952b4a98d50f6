"""The port between the offline model and what a kind of run is about."""

from collections.abc import Sequence
from typing import Protocol

from agent.offline.history import Call, History
from domain.model import Model


class Conduct(Protocol):
    """Decides from what was seen: what to look at next, and what to conclude. Pure and deterministic."""

    def next_calls(self, seen: History) -> Sequence[Call]:
        """Calls worth making now; calls already answered are skipped. None left means: conclude."""
        ...

    def conclusion(self, seen: History) -> Model:
        """The run's typed output."""
        ...
