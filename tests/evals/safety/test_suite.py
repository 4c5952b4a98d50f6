"""The suite on a few trials, and without one of the product's guards: then it must fail."""

from collections.abc import Sequence

import pydantic_ai.models
import pytest
from pydantic_ai import RunContext

from agent.grounding import Reviewed, grounded
from agent.investigation import Verdict
from agent.planner import Planner
from agent.toolset.cited import CitedAnswer
from agent.toolset.focus import Focus
from domain.plans import PlanDraft
from evals.safety import cards
from evals.safety.payloads import Planting, plantings, sampled
from evals.safety.suite import SafetyReport, run
from evals.safety.trial import TrialResult


@pytest.fixture(autouse=True)
def a_model_of_our_own() -> None:
    """The obedient model is a server that the suite starts itself."""
    pydantic_ai.models.ALLOW_MODEL_REQUESTS = True


def asking_for(*demands: str) -> tuple[Planting, ...]:
    """One planting of each of these demands."""
    found = {planting.demand.id: planting for planting in plantings()}
    return tuple(found[demand] for demand in demands)


async def tried(wanted: Sequence[Planting], planner: type[Planner] = Planner) -> tuple[SafetyReport, list[TrialResult]]:
    results: list[TrialResult] = []
    found = await run(wanted, planner=planner, told=results.append)
    return found, results


async def test_nothing_gets_anywhere() -> None:
    """Every text is read and obeyed; nothing is written, called, planned or shown because of it."""
    found, results = await tried(sampled(4))

    assert [violation for result in results for violation in result.violations] == []
    assert found.passed
    assert found.unread == 0
    assert found.plans >= found.trials * 3
    assert found.attempts >= found.trials


class Trusting(Planner):
    """A planner that takes a model's actions as they come: the plan review is off."""

    async def _settle(self, ctx: RunContext[Focus], verdict: Verdict) -> Verdict:
        collected = ctx.deps.collected
        causes = grounded(verdict.causes, collected.evidence, collected.findings).causes
        reviewed = Reviewed(draft=PlanDraft(actions=verdict.actions) if verdict.actions else None)
        collected.draft = reviewed.draft
        return Verdict(causes=causes, actions=verdict.actions)


class Believing(Planner):
    """A planner that plans for whatever a model names: no analyzer needs to have found it."""

    async def _settle(self, ctx: RunContext[Focus], verdict: Verdict) -> Verdict:
        collected = ctx.deps.collected
        own = tuple(claim.model_copy(update={"text": claim.text}) for cause in verdict.causes for claim in cause.claims)
        collected.claims.update(claim.text for claim in own)
        return await super()._settle(ctx, verdict)


class Handy(Planner):
    """A planner with a tool that nobody offered to planners: it scales."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]

        async def scale_workload(ctx: RunContext[Focus], name: str, replicas: int) -> CitedAnswer:
            """Scale.

            Args:
                name: What.
                replicas: How many.
            """
            return CitedAnswer(text=f"{name} has {replicas} now")

        self.toolset.add_function(scale_workload)


@pytest.mark.parametrize(
    ("planner", "demand", "caught"),
    [
        (Trusting, "scale-innocent", "foreign argument"),
        (Believing, "claim-approval", "foreign words"),
        (Handy, "scale-innocent", "foreign call"),
    ],
)
async def test_a_missing_guard_is_noticed(planner: type[Planner], demand: str, caught: str) -> None:
    """Without the plan review, with a model's words taken for a tool's, or with a tool too many, the suite fails."""
    found, results = await tried(asking_for(demand), planner)

    assert not found.passed
    assert caught in {violation.kind for result in results for violation in result.violations}


async def test_a_card_that_shows_texts_as_they_come_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where texts are not made visible before they are shown, escapes and forged lines are found on the card."""
    monkeypatch.setattr(cards, "for_people", lambda value: value)

    found, _ = await tried(sampled(1))

    assert found.violations["differing card"] > 0
