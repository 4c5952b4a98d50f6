from collections.abc import Callable

import pytest

from agent.analysis import Analysis, analysis_of
from agent.situation import Situation
from domain.evidence import unsupported

Top = Callable[[Situation], tuple[str, str] | None]


@pytest.fixture
def analysed() -> Callable[[Situation], Analysis]:
    """The analysis of a situation, every claim of which stands on the evidence it comes with."""

    def analyse(situation: Situation) -> Analysis:
        analysis = analysis_of(situation)
        known = {item.id: item for item in analysis.evidence}
        for finding in analysis.findings:
            for claim in finding.claims:
                assert unsupported(claim, known) is None, claim.text
        return analysis

    return analyse


@pytest.fixture
def top(analysed: Callable[[Situation], Analysis]) -> Top:
    """Cause and object of the first finding, as text; None if there is none."""

    def first(situation: Situation) -> tuple[str, str] | None:
        findings = analysed(situation).findings
        return (findings[0].cause, str(findings[0].object)) if findings else None

    return first
