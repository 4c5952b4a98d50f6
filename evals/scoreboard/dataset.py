"""A set of cases as a pydantic-evals dataset: what is asked of every case, and of all of them together.

The cases are planned before, over several processes; here each one's outcome is looked up and judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_evals import Case as Example
from pydantic_evals import Dataset
from pydantic_evals.evaluators import (
    ConfusionMatrixEvaluator,
    Evaluator,
    EvaluatorContext,
    ReportEvaluator,
    ReportEvaluatorContext,
)
from pydantic_evals.reporting import EvaluationReport
from pydantic_evals.reporting.analyses import ReportAnalysis, ScalarResult

from evals.calibration import equal_mass, equal_width, error_of
from evals.labels import HEALTHY
from evals.scoreboard.scores import CaseScore

Context = EvaluatorContext[str, CaseScore, None]
Report = EvaluationReport[str, CaseScore, None]
SILENT = "(nothing)"


@dataclass
class Judged(Evaluator[str, CaseScore, None]):
    """What is right about a case, and which cause was expected and named."""

    def evaluate(self, ctx: Context) -> dict[str, bool | str]:
        """Assertions, and the two causes as labels."""
        score = ctx.output
        return {
            "right": score.right,
            "cause": score.cause_right or (score.healthy and score.right),
            "top3": score.in_top,
            "claims": score.claims_verified == score.claims_made,
            "expected": score.faults[0].root_cause if score.faults else HEALTHY,
            "named": score.named.cause if score.named else SILENT,
        }


@dataclass
class CalibrationError(ReportEvaluator[str, CaseScore, None]):
    """Expected calibration error of the first causes, by bins of equal width and of equal mass."""

    def evaluate(self, ctx: ReportEvaluatorContext[str, CaseScore, None]) -> list[ReportAnalysis]:
        """The two errors."""
        outputs = (case.output for case in ctx.report.cases)
        found = [item for output in outputs if (item := output.prediction) is not None]
        return [
            ScalarResult(title="ECE", value=round(error_of(equal_width(found)), 4)),
            ScalarResult(title="ECE by mass", value=round(error_of(equal_mass(found)), 4)),
        ]


async def judged(name: str, scores: Sequence[CaseScore]) -> Report:
    """The report of a set. Case names must differ."""
    by_name = {score.case: score for score in scores}
    confusion = ConfusionMatrixEvaluator(
        predicted_from="labels", predicted_key="named", expected_from="labels", expected_key="expected", title="Causes"
    )
    dataset = Dataset[str, CaseScore, None](
        name=name,
        cases=[Example(name=case, inputs=case) for case in by_name],
        evaluators=[Judged()],
        report_evaluators=[confusion, CalibrationError()],
    )

    async def looked_up(case: str) -> CaseScore:
        return by_name[case]

    return await dataset.evaluate(looked_up, name=name, progress=False, max_concurrency=1)
