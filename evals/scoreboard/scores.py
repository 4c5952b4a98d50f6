"""One case's score, and a suite's figures."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence

from domain.diagnosis import Finding
from domain.evidence import Claim
from domain.model import Model
from domain.objects import ObjectRef
from evals.calibration import Prediction
from evals.cases import Case, Expected, case_id
from evals.labels import Label, label_of, rank_of
from evals.results import NamedCause, Outcome

TOP = 3
_UNSEEN = Claim(text="as named in the results")


class CaseScore(Model):
    """What came of one labelled case. `ranks`: where each of its faults stands, from 1; none for a healthy case."""

    case: str
    system: str
    service: str
    faults: tuple[Expected, ...]
    named: NamedCause | None
    ranks: tuple[int | None, ...]
    cause_right: bool
    abstained: bool
    error: str = ""
    tool_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    claims_made: int = 0
    claims_verified: int = 0

    @property
    def healthy(self) -> bool:
        """Whether there was nothing to find."""
        return not self.faults

    @property
    def right(self) -> bool:
        """The one fault at rank 1; of several all in the top three; of a healthy system nothing said."""
        if self.error:
            return False
        if len(self.faults) < 2:
            return self.abstained if self.healthy else self.ranks[0] == 1
        return self.in_top

    @property
    def in_top(self) -> bool:
        """Whether every fault is among the first three."""
        return all(rank is not None and rank <= TOP for rank in self.ranks)

    @property
    def prediction(self) -> Prediction | None:
        """The first cause as a prediction; None where there is none, or where more than one could be first."""
        if self.named is None or len(self.faults) > 1:
            return None
        first = bool(self.ranks) and self.ranks[0] == 1
        return Prediction(confidence=self.named.confidence, right=first, group=self.service)


def score_of(case: Case, outcome: Outcome) -> CaseScore | None:
    """The score of a case; None for one without a label."""
    label = label_of(case)
    return None if label is None else _scored(case, outcome, label)


def _scored(case: Case, outcome: Outcome, label: Label) -> CaseScore:
    result = outcome.result
    findings = tuple(map(_finding, result.causes))
    first = result.causes[0] if result.causes else None
    return CaseScore(
        case=case_id(case),
        system=case.header.system,
        service=label.service,
        faults=label.faults,
        named=first,
        ranks=tuple(rank_of(fault, findings) for fault in label.faults),
        cause_right=first is not None and any(first.cause == fault.root_cause for fault in label.faults),
        abstained=not result.causes and not result.error,
        error=result.error or "",
        tool_calls=result.tool_calls,
        tokens=result.tokens,
        seconds=result.seconds,
        claims_made=outcome.claims_made,
        claims_verified=outcome.claims_verified,
    )


def _finding(item: NamedCause) -> Finding:
    where = ObjectRef.parse(item.object)
    return Finding(cause=item.cause, object=where, confidence=item.confidence, claims=(_UNSEEN,), analyzer="result")


FIGURES: dict[str, Callable[[Sequence[CaseScore]], float]] = {
    "right": lambda scores: _share(item.right for item in scores),
    "cause right": lambda scores: _share(item.cause_right or (item.healthy and item.right) for item in scores),
    "in top 3": lambda scores: _share(item.in_top for item in scores if item.faults),
    "abstained": lambda scores: _share(item.abstained for item in scores),
    "errors": lambda scores: _share(bool(item.error) for item in scores),
    "claims that verify": lambda scores: _ratio(
        sum(item.claims_verified for item in scores), sum(item.claims_made for item in scores)
    ),
    "median tool calls": lambda scores: statistics.median([item.tool_calls for item in scores] or [0]),
    "median seconds": lambda scores: statistics.median([item.seconds for item in scores] or [0.0]),
    "p95 seconds": lambda scores: percentile([item.seconds for item in scores], 0.95),
}
"""What is told of every set of cases. Shares are of all its cases, errors included."""


def figures_of(scores: Sequence[CaseScore]) -> dict[str, float]:
    """All figures by name."""
    return {name: round(figure(scores), 4) for name, figure in FIGURES.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; 0 of nothing."""
    return sorted(values)[math.ceil(share * len(values)) - 1] if values else 0.0


def _share(found: Iterable[bool]) -> float:
    values = list(found)
    return _ratio(sum(values), len(values))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
