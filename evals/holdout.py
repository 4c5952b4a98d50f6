"""What is fitted, and leave-one-service-out: fitted without a service's cases, then scored on these alone.

The analyzers are rules; their confidences are judgements, and no constant in them belongs to a service or a case (the
renamed suites show that no name matters). What can be fitted to data is the map from stated confidence to the share
that is right, and the threshold below which a diagnosis is better kept silent. Both are refitted here without the cases
of one service, for each service in turn. That says what fitting would gain on services never seen; it cannot undo that
people who wrote the rules had seen the suite.
"""

from collections.abc import Sequence

from domain.model import Model
from evals.calibration import Prediction, equal_width, error_of

STEPS = (0.0, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)
"""Thresholds that are tried."""
WRONG_COSTS = 2.0
"""A wrong diagnosis costs as much as this many abstentions."""
PRIOR = 2.0
"""Pseudo-observations that a level of confidence is right as often as it says: few cases move it little."""


class Level(Model):
    """Stated confidence from `stated` on, and what it is worth."""

    stated: float
    worth: float


class Fit(Model):
    """A monotone map of confidence, and the threshold below which nothing is said."""

    levels: tuple[Level, ...]
    threshold: float

    def worth(self, confidence: float) -> float:
        """What a stated confidence is worth: of the highest level not above it, else of the lowest."""
        below = [level.worth for level in self.levels if level.stated <= confidence]
        return below[-1] if below else self.levels[0].worth if self.levels else confidence


class LeftOut(Model):
    """One service's cases under a fit that never saw them."""

    group: str
    cases: int
    right: int
    answered: int
    right_answered: int


class Holdout(Model):
    """Leave-one-service-out over one system."""

    in_sample_right: float
    left_out_right: float
    left_out_answered: float
    ece_stated: float
    ece_left_out: float
    groups: tuple[LeftOut, ...]


def fitted(predictions: Sequence[Prediction]) -> Fit:
    """The map (pooled adjacent violators, Barlow et al. 1972, over levels of stated confidence) and the threshold."""
    stated = sorted({round(item.confidence, 2) for item in predictions})
    blocks: list[tuple[float, float, float]] = []
    for level in stated:
        here = [item for item in predictions if round(item.confidence, 2) == level]
        weight = len(here) + PRIOR
        blocks.append((level, (sum(item.right for item in here) + PRIOR * level) / weight, weight))
        while len(blocks) > 1 and blocks[-2][1] > blocks[-1][1]:
            (first, low, light), (_, high, heavy) = blocks[-2:]
            blocks[-2:] = [(first, (low * light + high * heavy) / (light + heavy), light + heavy)]
    levels = tuple(Level(stated=first, worth=worth) for first, worth, _ in blocks)
    return Fit(levels=levels, threshold=_threshold(predictions))


def _threshold(predictions: Sequence[Prediction]) -> float:
    """The lowest threshold of those that cost least."""
    return min(STEPS, key=lambda step: (_cost(predictions, step), step))


def _cost(predictions: Sequence[Prediction], threshold: float) -> float:
    told = [item for item in predictions if item.confidence >= threshold]
    return WRONG_COSTS * sum(not item.right for item in told) + len(predictions) - len(told)


def leave_one_out(predictions: Sequence[Prediction], *, abstained: int = 0) -> Holdout:
    """Each group under a fit to all the others. `abstained` diagnoses count as not right."""
    groups = sorted({item.group for item in predictions})
    found, judged = list[LeftOut](), list[Prediction]()
    for group in groups:
        fit = fitted([item for item in predictions if item.group != group])
        mine = [item for item in predictions if item.group == group]
        told = [item for item in mine if item.confidence >= fit.threshold]
        judged += [item.model_copy(update={"confidence": fit.worth(item.confidence)}) for item in mine]
        found.append(
            LeftOut(
                group=group,
                cases=len(mine),
                right=sum(item.right for item in mine),
                answered=len(told),
                right_answered=sum(item.right for item in told),
            )
        )
    total = len(predictions) + abstained
    return Holdout(
        in_sample_right=_share(sum(item.right for item in predictions), total),
        left_out_right=_share(sum(item.right_answered for item in found), total),
        left_out_answered=_share(sum(item.answered for item in found), total),
        ece_stated=error_of(equal_width(predictions)),
        ece_left_out=error_of(equal_width(judged)),
        groups=tuple(found),
    )


def _share(count: int, total: int) -> float:
    return count / total if total else 0.0
