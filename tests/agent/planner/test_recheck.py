import pytest

from agent.recheck import Rechecker
from domain.actions import RollbackApplication
from domain.evidence import unsupported
from domain.learning import ActionType, Pattern
from domain.objectives import Objectives
from domain.objects import ObjectRef
from domain.policy import Policy
from tests.agent.planner.world import World, brief

CHECKOUT = ObjectRef(kind="deployment", name="checkout", namespace="shop")


def pattern(cause: str, about: ObjectRef | None = CHECKOUT, remedies: tuple[ActionType, ...] = ()) -> Pattern:
    return Pattern.model_validate(
        {"id": "p", "title": "known", "cause": cause, "object": about, "remedies": remedies, "origin": "learned"}
    )


@pytest.fixture
def rechecker(world: World) -> Rechecker:
    """Looks into the world."""
    return Rechecker(world.sources, Objectives(), Policy())


async def test_a_cause_seen_again_has_its_plan_at_once(rechecker: Rechecker) -> None:
    """Confirmed by live evidence, the plan comes out of the live inventory without any model."""
    seen = await rechecker.recheck(pattern("incorrect_image_reference", remedies=("rollback_application",)), brief())

    assert seen.confirmed
    assert seen.diagnosis is not None
    evidence = {item.id: item for item in seen.evidence}
    assert [unsupported(claim, evidence) for claim in seen.diagnosis.causes[0].claims] == [None, None]
    assert seen.draft is not None
    assert seen.draft.actions == (RollbackApplication(application="checkout", history_id=1, revision="aaa1111"),)


@pytest.mark.parametrize(
    ("cause", "about"),
    [
        ("oom_killed", CHECKOUT),
        ("bad_release", CHECKOUT),
        ("incorrect_image_reference", CHECKOUT.model_copy(update={"name": "catalog"})),
    ],
)
async def test_another_cause_or_object_is_not_confirmed(rechecker: Rechecker, cause: str, about: ObjectRef) -> None:
    """A pattern about something else, or about what is only second now, does not take the fast path."""
    seen = await rechecker.recheck(pattern(cause, about), brief())

    assert not seen.confirmed
    assert "incorrect_image_reference" in seen.reason
    assert (seen.diagnosis, seen.draft) == (None, None)


async def test_a_healthy_system_confirms_nothing(world: World, rechecker: Rechecker) -> None:
    """No fault to be seen, no fast path."""
    world.broken = False

    seen = await rechecker.recheck(pattern("incorrect_image_reference"), brief())

    assert not seen.confirmed
    assert "no fault" in seen.reason


async def test_a_pattern_s_remedies_bound_the_plan(rechecker: Rechecker) -> None:
    """A remedy that the pattern does not name is not proposed."""
    seen = await rechecker.recheck(pattern("incorrect_image_reference", remedies=("restart_workload",)), brief())

    assert seen.confirmed
    assert seen.draft is None


async def test_systems_that_are_down_confirm_nothing(world: World, rechecker: Rechecker) -> None:
    """What cannot be seen is not confirmed, and the evidence says why."""
    world.down |= {"kubernetes", "prometheus", "alertmanager", "argocd", "tempo"}

    seen = await rechecker.recheck(pattern("incorrect_image_reference"), brief())

    assert not seen.confirmed
    assert {item.source for item in seen.evidence if item.unavailable} >= {"kubernetes", "prometheus"}
