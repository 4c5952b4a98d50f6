from datetime import UTC, datetime

import pytest

from agent.grounding import UNCONFIRMED, PlanReviewer, confirmed, grounded, summary_of, worded
from domain.actions import Action, RestartWorkload, RollbackApplication, ScaleWorkload, UndoRollout
from domain.diagnosis import Finding, RankedCause
from domain.evidence import Citation, Claim, Evidence, Observation
from domain.inventory import Inventory, RolloutRevision, WorkloadEntry
from domain.objectives import Objectives
from domain.objects import ObjectRef, WorkloadRef
from domain.policy import Policy
from tests.agent.planner.world import alert

REF = WorkloadRef(namespace="shop", name="checkout")
SEEN = Evidence(
    id="e-1",
    kind="metric",
    source="prometheus",
    query='cpu_usage{service="checkout"}',
    summary="cpu",
    digest="d",
    observations=(Observation(key="checkout cpu_usage", value=0.98),),
    collected_at=datetime(2026, 1, 1, tzinfo=UTC),
)
INVENTORY = Inventory(
    workloads=(
        WorkloadEntry(
            ref=REF,
            replicas=2,
            ready=2,
            current_revision=2,
            revisions=(RolloutRevision(number=1), RolloutRevision(number=2)),
        ),
    )
)


def claim(text: str = "cpu_usage is 0.98", value: float = 0.98, evidence: str = "e-1") -> Claim:
    return Claim(text=text, citations=(Citation(evidence=evidence, key="checkout cpu_usage", value=value),))


def cause(*claims: Claim, name: str = "checkout", confidence: float = 0.9) -> RankedCause:
    return RankedCause(
        cause="pod_cpu_overload",
        object=ObjectRef(kind="deployment", name=name, namespace="shop"),
        confidence=confidence,
        claims=claims or (claim(),),
    )


def test_claims_that_do_not_stand_are_dropped_alone() -> None:
    """Other claims of the same cause stay, and every dropped one is named."""
    wrong = (claim(value=0.5), claim(evidence="e-9"), claim(text="cpu_usage is 0.98 and memory 77"))

    result = grounded([cause(claim(), *wrong)], {"e-1": SEEN})

    assert result.causes[0].claims == (claim(),)
    assert len(result.problems) == len(wrong)


def test_a_cause_without_a_claim_is_dropped() -> None:
    """Nothing to stand on, no cause."""
    result = grounded([cause(claim(value=0.1))], {"e-1": SEEN})

    assert result.causes == ()


def test_an_object_nobody_saw_is_dropped() -> None:
    """A cause about an object that none of its evidence mentions is made up, however true its claims are."""
    result = grounded([cause(name="invented")], {"e-1": SEEN})

    assert result.causes == ()
    assert "no evidence mentions" in result.problems[0]


def test_confidence_is_the_analyzer_s() -> None:
    """A model's own confidence is not calibrated; where an analyzer found the same, its confidence counts."""
    found = Finding(
        cause="pod_cpu_overload", object=cause().object, confidence=0.6, claims=(claim(),), analyzer="performance"
    )

    result = grounded([cause(confidence=1.0)], {"e-1": SEEN}, [found])

    assert result.causes[0].confidence == 0.6


def test_a_summary_holds_nothing_but_claims() -> None:
    """What a reviewer reads first is made of the grounded claims."""
    assert "cpu_usage is 0.98" in summary_of([cause()])
    assert summary_of([]).startswith("Insufficient evidence")


@pytest.fixture
def reviewer() -> PlanReviewer:
    """Over an inventory of one workload."""
    return PlanReviewer(INVENTORY, (alert(),), Objectives(), Policy())


def test_without_a_draft_the_remedies_propose_one(reviewer: PlanReviewer) -> None:
    """A grounded cause gets the product's own remedy, with checks."""
    reviewed = reviewer.review([], [cause()])

    assert reviewed.draft is not None
    assert reviewed.draft.actions == (ScaleWorkload(workload=REF, replicas=4),)
    assert reviewed.draft.checks
    assert reviewed.problems == ()


def test_a_derived_action_may_be_chosen(reviewer: PlanReviewer) -> None:
    """A draft that names what the evidence gives passes, and takes its checks from there."""
    reviewed = reviewer.review([ScaleWorkload(workload=REF, replicas=4)], [cause()])

    assert reviewed.problems == ()
    assert reviewed.draft == reviewer.review([], [cause()]).draft


MADE_UP: tuple[Action, ...] = (
    ScaleWorkload(workload=REF, replicas=8),
    ScaleWorkload(workload=REF, replicas=3),
    ScaleWorkload(workload=REF, replicas=0),
    ScaleWorkload(workload=REF.model_copy(update={"name": "catalog"}), replicas=4),
    UndoRollout(workload=REF, to_revision=1),
    UndoRollout(workload=REF, to_revision=7),
    RestartWorkload(workload=REF.model_copy(update={"namespace": "kube-system"})),
    RollbackApplication(application="checkout", history_id=1, revision="abc"),
)


@pytest.mark.parametrize("action", MADE_UP, ids=str)
def test_arguments_cannot_be_made_up(reviewer: PlanReviewer, action: Action) -> None:
    """Numbers, revisions and names that do not follow from the cause are refused; the derived plan stands instead."""
    reviewed = reviewer.review([action], [cause()])

    assert reviewed.problems
    assert reviewed.draft == reviewer.review([], [cause()]).draft


def test_without_a_cause_there_is_no_plan(reviewer: PlanReviewer) -> None:
    """An action that addresses nothing is refused, however harmless."""
    reviewed = reviewer.review([RestartWorkload(workload=REF)], [])

    assert reviewed.draft is None
    assert reviewed.problems


def test_policy_bounds_what_is_proposed() -> None:
    """In a namespace that policy forbids, nothing is proposed, whoever asks."""
    reviewer = PlanReviewer(INVENTORY, (), Objectives(), Policy(forbidden_namespaces=("shop",)))

    reviewed = reviewer.review([ScaleWorkload(workload=REF, replicas=4)], [cause()])

    assert reviewed.draft is None
    assert "policy forbids" in reviewed.problems[0]


def test_a_plan_follows_only_from_what_an_analyzer_found() -> None:
    """A cause of a model's own, however sure and whatever it truly cites, is kept for people and gives no plan."""
    other = ObjectRef(kind="deployment", name="checkout", namespace="shop")
    found = Finding(cause="oom_killed", object=other, confidence=0.8, claims=(claim(),), analyzer="crashes")
    mine, theirs = cause(confidence=1.0), cause().model_copy(update={"cause": "oom_killed"})

    result = grounded([mine, theirs], {"e-1": SEEN}, [found])

    assert [item.cause for item in result.causes] == ["oom_killed", "pod_cpu_overload"]
    assert [item.confidence for item in result.causes] == [0.8, UNCONFIRMED]
    assert [item.cause for item in confirmed(result.causes, [found])] == ["oom_killed"]


def test_a_confirmed_cause_is_as_the_analyzer_found_it() -> None:
    """Object and claims are the finding's own: a model's choice of words or namespace does not get into a plan."""
    where = ObjectRef(kind="deployment", name="checkout", namespace="shop")
    found = Finding(cause="pod_cpu_overload", object=where, confidence=0.8, claims=(claim(),), analyzer="a")
    said = cause(claim("approved by the board, cpu_usage is 0.98")).model_copy(
        update={"object": where.model_copy(update={"namespace": "kube-system"})}
    )

    (kept,) = confirmed([said], [found])

    assert (kept.object, kept.claims) == (found.object, found.claims)


def test_a_summary_has_no_words_of_a_model() -> None:
    """Claims that a tool made stay word for word; where there is none, what is cited is said instead."""
    said = cause(claim("approved, no review needed"), claim())

    (kept,) = worded([said], {"cpu_usage is 0.98"})
    (bare,) = worded([said], ())

    assert [item.text for item in kept.claims] == ["cpu_usage is 0.98"]
    assert [item.text for item in bare.claims] == ["checkout cpu_usage: 0.98"] * 2
