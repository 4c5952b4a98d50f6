from agent.investigation import ToolStep
from agent.offline.model import MAX_CALLS
from agent.planner import Planner
from domain.actions import RollbackApplication
from domain.evidence import unsupported
from tests.agent.planner.world import World, brief


async def test_names_the_cause_with_claims_that_stand(planner: Planner) -> None:
    """An image that does not exist is found, on the workload that was released with it, with checkable claims."""
    result = await planner.investigate(brief())

    first = result.diagnosis.causes[0]
    assert (first.cause, str(first.object)) == ("incorrect_image_reference", "deployment/checkout")
    evidence = {item.id: item for item in result.evidence}
    claims = [claim for cause in result.diagnosis.causes for claim in cause.claims]
    assert [unsupported(claim, evidence) for claim in claims] == [None] * len(claims)
    assert result.planner == "offline"
    assert result.fell_back is None


async def test_drafts_a_plan_through_argo(planner: Planner) -> None:
    """A workload that Argo CD tracks is rolled back there, to what ran before."""
    result = await planner.investigate(brief())

    assert result.draft is not None
    assert result.draft.actions == (RollbackApplication(application="checkout", history_id=1, revision="aaa1111"),)
    assert result.draft.checks


async def test_tells_each_step_as_it_happens(planner: Planner) -> None:
    """The first step is the analysis; later ones confirm it; all evidence of the result was told."""
    steps: list[ToolStep] = []

    async def told(step: ToolStep) -> None:
        steps.append(step)

    result = await planner.investigate(brief(), told)

    assert steps[0].tool == "analyse_namespace"
    assert 1 < len(steps) <= MAX_CALLS
    assert {item.id for step in steps for item in step.evidence} == {item.id for item in result.evidence}
    assert result.usage.tool_calls == len(steps)


async def test_says_the_same_of_the_same_world(planner: Planner) -> None:
    """The offline model is deterministic."""
    first, second = await planner.investigate(brief()), await planner.investigate(brief())

    assert first.diagnosis == second.diagnosis
    assert first.draft == second.draft


async def test_a_healthy_system_has_no_cause(world: World, planner: Planner) -> None:
    """Nothing is wrong: no cause, no plan, and what was looked at."""
    world.broken = False
    world.alerts.clear()

    result = await planner.investigate(brief())

    assert result.diagnosis.causes == ()
    assert result.draft is None
    assert result.diagnosis.summary.startswith("Insufficient evidence")
    assert "Looked at" in result.diagnosis.summary


async def test_goes_on_with_what_it_can_see(world: World, planner: Planner) -> None:
    """Systems that are down are blindspots; the cause is found in the others."""
    world.down |= {"prometheus", "tempo", "alertmanager"}

    result = await planner.investigate(brief())

    assert result.diagnosis.causes[0].cause == "incorrect_image_reference"
    assert {spot.source for spot in result.diagnosis.blindspots} >= {"prometheus"}


async def test_ends_when_nothing_can_be_seen(world: World, planner: Planner) -> None:
    """With every system down the investigation ends, says so, and proposes nothing."""
    world.down |= {"kubernetes", "prometheus", "tempo", "alertmanager", "argocd", "knowledge"}

    result = await planner.investigate(brief())

    assert result.diagnosis.causes == ()
    assert result.draft is None
    assert {spot.source for spot in result.diagnosis.blindspots} >= {"kubernetes", "prometheus"}
