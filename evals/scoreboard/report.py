"""The board's parts as data: what is written as JSON and drawn as a page."""

from collections import defaultdict
from collections.abc import Sequence

from pydantic import Field
from pydantic_evals.reporting.analyses import ConfusionMatrix, ScalarResult

from domain.model import Model
from evals.calibration import Calibration, Prediction, calibration_of
from evals.holdout import Holdout, leave_one_out
from evals.scoreboard.dataset import Report, judged
from evals.scoreboard.scores import CaseScore, figures_of

LEAST_CASES_OF_HOLDOUT = 20


class Confusion(Model):
    """Which cause was named (columns) where which was expected (rows)."""

    causes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class Section(Model):
    """One suite's figures. Suites of incidents have the rest too."""

    name: str
    title: str
    figures: dict[str, float]
    scores: tuple[CaseScore, ...] = ()
    calibration: Calibration | None = None
    confusion: Confusion | None = None
    systems: dict[str, dict[str, float]] = Field(default_factory=dict)
    holdout: dict[str, Holdout] = Field(default_factory=dict)
    seconds: float = 0.0


class Board(Model):
    """Everything that was run."""

    short: bool
    planner: str
    sections: tuple[Section, ...]


async def section_of(name: str, title: str, scores: Sequence[CaseScore]) -> Section:
    """The section of a set of incidents."""
    report = await judged(name, scores)
    predictions = [item for score in scores if (item := score.prediction) is not None]
    silent = sum(score.named is None for score in scores)
    figures = figures_of(scores) | {item.title: float(item.value) for item in _scalars(report)}
    return Section(
        name=name,
        title=title,
        figures=figures | {"cases": float(len(scores))},
        scores=tuple(scores),
        calibration=calibration_of(predictions, abstained=silent) if predictions else None,
        confusion=_confusion(report),
        systems={system: figures_of(found) for system, found in _by_system(scores).items()},
        holdout={system: held for system, found in _by_system(scores).items() if (held := _holdout(found))},
    )


def _by_system(scores: Sequence[CaseScore]) -> dict[str, list[CaseScore]]:
    found: defaultdict[str, list[CaseScore]] = defaultdict(list)
    for score in scores:
        found[score.system].append(score)
    return dict(sorted(found.items()))


def _holdout(scores: Sequence[CaseScore]) -> Holdout | None:
    """Leave-one-service-out, where there are cases enough to fit anything to."""
    predictions: list[Prediction] = [item for score in scores if (item := score.prediction) is not None]
    if len(predictions) < LEAST_CASES_OF_HOLDOUT or any(score.healthy for score in scores):
        return None
    return leave_one_out(predictions, abstained=len(scores) - len(predictions))


def _scalars(report: Report) -> list[ScalarResult]:
    return [item for item in report.analyses if isinstance(item, ScalarResult)]


def _confusion(report: Report) -> Confusion | None:
    found = next((item for item in report.analyses if isinstance(item, ConfusionMatrix)), None)
    if found is None:
        return None
    return Confusion(causes=tuple(found.class_labels), counts=tuple(map(tuple, found.matrix)))
