"""Figures of a retrieval run: recall by kind of query, abstention, calibration."""

from collections import defaultdict
from collections.abc import Sequence

from domain.model import Model
from evals.calibration import Prediction, equal_width, error_of
from evals.retrieval import Result, Suite


class Figures(Model):
    """One kind of query (the id up to its number). `auroc`: confidence of these against all without an answer."""

    family: str
    queries: int
    recall_at_1: float
    recall_at_5: float
    auroc: float
    known: float


class Scores(Model):
    """A whole run. `false_known` is the share of unanswerable queries that passed the threshold."""

    families: tuple[Figures, ...]
    unanswerable: int
    false_known: float
    calibration_error: float
    p50_ms: float
    p95_ms: float


def scored(suite: Suite, results: Sequence[Result]) -> Scores:
    """Compare a run with the suite's labels."""
    labelled = [result for result in results if result.query_id in suite.expected]
    none = [result for result in labelled if not suite.expected[result.query_id]]
    families: defaultdict[str, list[Result]] = defaultdict(list)
    for result in labelled:
        if suite.expected[result.query_id]:
            families[result.query_id.rsplit("-", 1)[0]].append(result)
    times = sorted(result.ms for result in results) or [0.0]
    return Scores(
        families=tuple(_figures(name, group, none, suite) for name, group in families.items()),
        unanswerable=len(none),
        false_known=sum(result.known for result in none) / max(1, len(none)),
        calibration_error=calibration_error([(r.confidence, _rank(r, suite) == 1) for r in labelled]),
        p50_ms=times[len(times) // 2],
        p95_ms=times[int(0.95 * (len(times) - 1))],
    )


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The chance that a positive scores above a negative; ties count half. 0.5 where either is missing."""
    if not positive or not negative:
        return 0.5
    won = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return won / (len(positive) * len(negative))


def calibration_error(said: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error over ten bins of equal width."""
    return error_of(equal_width([Prediction(confidence=confidence, right=right) for confidence, right in said]))


def _figures(name: str, group: Sequence[Result], none: Sequence[Result], suite: Suite) -> Figures:
    ranks = [_rank(result, suite) for result in group]
    return Figures(
        family=name,
        queries=len(group),
        recall_at_1=sum(rank == 1 for rank in ranks) / len(group),
        recall_at_5=sum(rank is not None and rank <= 5 for rank in ranks) / len(group),
        auroc=auroc([result.confidence for result in group], [result.confidence for result in none]),
        known=sum(result.known for result in group) / len(group),
    )


def _rank(result: Result, suite: Suite) -> int | None:
    right = suite.expected[result.query_id]
    return next((rank for rank, hit in enumerate(result.hits, start=1) if hit.doc_id in right), None)
