"""Language models on recorded incidents: what they take is counted, and a broken one costs nobody the report."""

from collections.abc import Iterator

import pydantic_ai.models
import pytest

from agent.investigation import Usage
from evals.cases import Case, cases_in
from evals.llm.endurance import run as endure
from evals.llm.faults import FAULTS
from evals.llm.suite import CALLS_WANTED, INPUT_WANTED, Prices, figures_of, run_scripted
from evals.llm.suite import table as drawn
from evals.results import CaseResult, Outcome
from evals.synthesis.suite import generate
from service.settings import load_settings


@pytest.fixture(autouse=True)
def models_of_our_own() -> Iterator[None]:
    """These tests ask endpoints that they start themselves."""
    with pydantic_ai.models.override_allow_model_requests(True):
        yield


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, ...]:
    """Two incidents with different causes."""
    folder = tmp_path_factory.mktemp("suites") / "own"
    generate(folder, per_cause=1, most=2)
    return cases_in(folder)


@pytest.mark.servers
async def test_a_good_model_takes_little(cases: tuple[Case, ...]) -> None:
    """It finds what the offline planner finds, within the wanted requests and tokens, and its usage is counted."""
    found = await run_scripted(cases, load_settings({}), jobs=1)

    assert found.passed
    assert (found.model.right, found.model.fell_back, found.model.within) == (2, 0, 2)
    assert 1 < found.model.most_requests <= CALLS_WANTED
    assert 1_000 < found.model.most_input_tokens <= INPUT_WANTED
    assert (found.offline.most_requests, found.offline.most_input_tokens) == (0, 0)
    assert drawn(found).row_count >= 10


def test_what_a_model_takes_is_what_it_costs(cases: tuple[Case, ...]) -> None:
    """Prices are of a million tokens; a triage over the target is not within it, one that failed is an error."""
    outcomes = (
        Outcome(result=CaseResult(id="a"), usage=Usage(requests=4, input_tokens=15_000, output_tokens=1_000)),
        Outcome(result=CaseResult(id="b"), usage=Usage(requests=5, input_tokens=5_000, output_tokens=0)),
        Outcome(result=CaseResult(id="c"), usage=Usage(requests=1, input_tokens=15_001, output_tokens=0)),
        Outcome(result=CaseResult(id="d", error="no such file")),
    )
    found = figures_of("model", cases, outcomes, Prices(input=2.0, output=10.0))

    assert found.cost == pytest.approx((35_001 * 2 + 1_000 * 10) / 1e6)
    assert (found.cases, found.errors, found.within) == (4, 1, 1)
    assert (found.median_requests, found.most_input_tokens) == (4, 15_001)


@pytest.mark.servers
async def test_a_broken_model_is_endured_and_a_lost_triage_is_noticed(cases: tuple[Case, ...]) -> None:
    """Both kinds end well, with the reason where the offline model took over; the check can fail."""
    by_name = {fault.name: fault for fault in FAULTS}
    broken, recovering = by_name["HTTP 500"], by_name["503 once, then well"]
    found = await endure(cases[0], load_settings({}), faults=(broken, recovering))

    assert [(item.passed, item.reason is None) for item in found.endured] == [(True, False), (True, True)]
    assert found.passed
    mistaken = found.endured[0].model_copy(update={"seconds": 121.0})
    assert not found.model_copy(update={"endured": (mistaken,)}).passed
    lost = await endure(cases[0], load_settings({}), faults=(recovering.__class__("never well", broken.server, True),))
    assert not lost.passed
