"""How far confidence can be trusted: calibration error, reliability, risk against coverage.

A prediction is the first cause of a diagnosis: its confidence, and whether cause and object are right. Diagnoses that
abstain make no prediction; they count where coverage does.

Sources: Guo et al. 2017, "On Calibration of Modern Neural Networks" (expected calibration error over equal-width bins);
Nixon et al. 2019, "Measuring Calibration in Deep Learning" (bins of equal mass, which do not depend on where the edges
fall); El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective Classification" (risk and coverage).
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from domain.model import Model

BINS = 10


class Prediction(Model):
    """A diagnosis' first cause. `group`: what it is held out with in leave-one-out figures."""

    confidence: float
    right: bool
    group: str = ""


class Bin(Model):
    """Predictions of like confidence: how many, how confident, and how many of them are right."""

    count: int
    confidence: float
    accuracy: float

    @property
    def gap(self) -> float:
        """By how much confidence is too high; negative where it is too low."""
        return self.confidence - self.accuracy


class Coverage(Model):
    """What is left where everything below `threshold` is kept silent: the share answered, the share of it wrong."""

    threshold: float
    coverage: float
    risk: float


class Calibration(Model):
    """The figures of one set of predictions."""

    predictions: int
    ece_equal_width: float
    ece_equal_mass: float
    mean_confidence: float
    accuracy: float
    reliability: tuple[Bin, ...]
    risk_coverage: tuple[Coverage, ...]
    aurc: float


def calibration_of(predictions: Sequence[Prediction], *, abstained: int = 0) -> Calibration:
    """All figures. `abstained`: how many more diagnoses there were, without any cause."""
    width, mass = equal_width(predictions), equal_mass(predictions)
    curve = risk_coverage(predictions, abstained=abstained)
    return Calibration(
        predictions=len(predictions),
        ece_equal_width=error_of(width),
        ece_equal_mass=error_of(mass),
        mean_confidence=_mean(item.confidence for item in predictions),
        accuracy=_mean(float(item.right) for item in predictions),
        reliability=width,
        risk_coverage=curve,
        aurc=_area(curve),
    )


def equal_width(predictions: Sequence[Prediction], bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of the same width over 0..1; empty ones are left out."""
    ordered = sorted(predictions, key=lambda item: item.confidence)
    groups = groupby(ordered, key=lambda item: min(int(item.confidence * bins), bins - 1))
    return tuple(_bin(tuple(found)) for _, found in groups)


def equal_mass(predictions: Sequence[Prediction], bins: int = BINS) -> tuple[Bin, ...]:
    """Bins with as many predictions each. Equal confidences stay together, so bins may differ where many are equal."""
    ordered = sorted(predictions, key=lambda item: item.confidence)
    size = len(ordered) / bins
    found: list[list[Prediction]] = []
    for _, equals in groupby(ordered, key=lambda item: item.confidence):
        if not found or len(found[-1]) >= size:
            found.append([])
        found[-1].extend(equals)
    return tuple(_bin(tuple(item)) for item in found)


def error_of(bins: Iterable[Bin]) -> float:
    """The expected calibration error: gaps by size, weighed by how many predictions they concern."""
    found = tuple(bins)
    total = sum(item.count for item in found)
    return sum(abs(item.gap) * item.count for item in found) / total if total else 0.0


def risk_coverage(predictions: Sequence[Prediction], *, abstained: int = 0) -> tuple[Coverage, ...]:
    """From the surest predictions alone to all of them: a point for each confidence that occurs."""
    ordered = sorted(predictions, key=lambda item: -item.confidence)
    points: list[Coverage] = []
    answered = wrong = 0
    for confidence, equals in groupby(ordered, key=lambda item: item.confidence):
        found = tuple(equals)
        answered, wrong = answered + len(found), wrong + sum(not item.right for item in found)
        share = answered / (len(predictions) + abstained)
        points.append(Coverage(threshold=confidence, coverage=share, risk=wrong / answered))
    return tuple(points)


def _area(curve: Sequence[Coverage]) -> float:
    """The area under risk over coverage, divided by the coverage reached; 0 is perfect."""
    before, area = 0.0, 0.0
    for point in curve:
        area += point.risk * (point.coverage - before)
        before = point.coverage
    return area / before if before else 0.0


def _bin(found: Sequence[Prediction]) -> Bin:
    return Bin(
        count=len(found),
        confidence=_mean(item.confidence for item in found),
        accuracy=_mean(float(item.right) for item in found),
    )


def _mean(values: Iterable[float]) -> float:
    found = tuple(values)
    return sum(found) / len(found) if found else 0.0
