"""How good rankings are, as the benchmark counts: AC@k is the share of cases whose service is among the first k."""

from collections.abc import Iterable, Sequence

from domain.model import Model
from evals.metrics.layout import scored_name

DEPTH = 5
"""Avg@5 is the mean of AC@1 to AC@5."""


class Accuracy(Model):
    """Figures of some cases, each from 0 to 1."""

    cases: int
    avg5: float
    ac1: float
    ac3: float


def place(service: str, ranks: Sequence[str]) -> int | None:
    """Where the service stands, from 1; None where it is not named."""
    name = scored_name(service)
    return ranks.index(name) + 1 if name in ranks else None


def accuracy(places: Iterable[int | None]) -> Accuracy:
    """The figures of cases whose service stood at these places."""
    known = list(places)
    ac = [_within(known, k) for k in range(1, DEPTH + 1)]
    return Accuracy(cases=len(known), avg5=round(sum(ac) / DEPTH, 4), ac1=round(ac[0], 4), ac3=round(ac[2], 4))


def _within(places: Sequence[int | None], k: int) -> float:
    return sum(place is not None and place <= k for place in places) / len(places) if places else 0.0
