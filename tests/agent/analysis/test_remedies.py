"""Plans: the fitting action, through GitOps first, or none."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.remedies import propose
from domain.actions import describe
from domain.alerts import Alert
from domain.causes import CAUSES
from domain.checks import AlertsClearedCheck, ApplicationCheck, RolloutCheck, SignalCheck
from domain.diagnosis import RankedCause
from domain.evidence import Citation, Claim
from domain.inventory import ApplicationEntry, Deployed, Inventory, RolloutRevision, WorkloadEntry, violations
from domain.objectives import Objectives
from domain.objects import ObjectRef, WorkloadRef
from domain.plans import PlanDraft
from domain.policy import Policy, refusals
from tests.agent.analysis.shapes import NOW

CART = WorkloadRef(namespace="store", name="cart")
ALERT = Alert(
    status="firing",
    labels={"alertname": "HighErrorRatio", "namespace": "store", "service": "cart"},
    starts_at=NOW,
    fingerprint="f1",
)


def cause(name: str, kind: str = "deployment", confidence: float = 0.9) -> RankedCause:
    claim = Claim(text="seen", citations=(Citation(evidence="e-1", key="k", value="v"),))
    where = ObjectRef(kind=kind, name="cart", namespace="store")
    return RankedCause(cause=name, object=where, confidence=confidence, claims=(claim,))


def workload(**fields: Any) -> WorkloadEntry:
    revisions = (
        RolloutRevision(number=1, created_at=NOW - timedelta(days=3)),
        RolloutRevision(number=2, created_at=NOW - timedelta(minutes=4)),
    )
    base: dict[str, Any] = {"ref": CART, "replicas": 2, "ready": 2, "revisions": revisions, "current_revision": 2}
    return WorkloadEntry(**{**base, **fields})


def tracked(**fields: Any) -> Inventory:
    history = (
        Deployed(history_id=4, revision="aaa", deployed_at=NOW - timedelta(days=3)),
        Deployed(history_id=5, revision="bbb", deployed_at=NOW - timedelta(minutes=4)),
    )
    base: dict[str, Any] = {"name": "shop-cart", "namespace": "store", "history": history, "target_revision": "bbb"}
    entry = ApplicationEntry(**{**base, **fields})
    return Inventory(workloads=(workload(application="shop-cart"),), applications=(entry,))


def plan(found: RankedCause, inventory: Inventory, **fields: Any) -> PlanDraft | None:
    given_fields: dict[str, Any] = {"alerts": (ALERT,), "policy": Policy(), **fields}
    return propose([found], inventory, Objectives(), **given_fields)


def action(found: RankedCause, inventory: Inventory, **fields: Any) -> str | None:
    draft = plan(found, inventory, **fields)
    return describe(draft.actions[0]) if draft else None


def test_gitops_owns_the_way_back():
    """What Argo CD delivered is taken back through Argo CD, what nobody tracks by undoing the rollout."""
    assert action(cause("bad_release"), tracked()) == "roll application/shop-cart back to aaa (history 4)"
    untracked = Inventory(workloads=(workload(),))
    assert action(cause("bad_release"), untracked) == "undo deployment/cart to rollout revision 1"


def test_the_way_back_leads_to_what_was_different_where_the_fault_is():
    """What was changed since elsewhere is no way back, and no reason to stay; what runs goes before what is new."""
    image, ages = cause("incorrect_image_reference"), {1: 4000.0, 2: 4.0, 3: 1.0}
    parts = {1: ("image", "env"), 2: ("env",)}

    def history(**ready: int) -> Inventory:
        revisions = tuple(
            RolloutRevision(
                number=number,
                created_at=NOW - timedelta(minutes=minutes),
                differs=parts.get(number, ()),
                ready=ready.get(f"r{number}", 0),
            )
            for number, minutes in ages.items()
        )
        return Inventory(workloads=(workload(revisions=revisions, current_revision=3),))

    assert action(image, history(r1=2)) == "undo deployment/cart to rollout revision 1"
    parts[2] = ("image",)
    assert action(image, history()) == "undo deployment/cart to rollout revision 2"
    assert action(image, history(r1=2)) == "undo deployment/cart to rollout revision 1"
    parts[1], parts[2] = ("env",), ("env",)
    assert action(image, history(r1=2)) is None


def test_what_is_delivered_broken_while_the_alert_fires_is_taken_back():
    """Made again by hand with the same fault, long after the alert, where what is at fault was different before."""

    def made_again(differs: tuple[str, ...] | None) -> Inventory:
        earlier = RolloutRevision(number=1, created_at=ALERT.starts_at + timedelta(minutes=9), differs=differs)
        newest = RolloutRevision(number=2, created_at=ALERT.starts_at + timedelta(minutes=10))
        return Inventory(workloads=(workload(revisions=(earlier, newest)),))

    image = cause("incorrect_image_reference")
    assert action(image, made_again(("image",))) == "undo deployment/cart to rollout revision 1"
    assert action(image, made_again(("env",))) is None
    assert action(image, made_again(None)) is None
    assert action(cause("oom_killed"), made_again(("image",))) is None


def test_auto_sync_leaves_only_the_diagnosis():
    """Argo CD refuses a rollback while auto-sync is on, and would undo any patch behind its back."""
    assert action(cause("bad_release"), tracked(auto_sync=True)) is None


def test_an_application_that_was_not_seen_still_owns_its_workload():
    """Argo CD being down does not make a tracked workload ours to patch."""
    assert action(cause("bad_release"), Inventory(workloads=(workload(application="shop-cart"),))) is None


def test_a_crash_is_taken_back_only_if_it_came_with_a_release():
    """Memory that ran out days after the release is not mended by an older release."""
    assert action(cause("oom_killed"), tracked()) == "roll application/shop-cart back to aaa (history 4)"
    old = tuple(RolloutRevision(number=n, created_at=NOW - timedelta(days=9 - n)) for n in (1, 2))
    assert action(cause("oom_killed"), Inventory(workloads=(workload(revisions=old),))) is None


@pytest.mark.parametrize(
    ("fields", "policy", "expected"),
    [
        ({}, {}, "scale deployment/cart to 4 replicas"),
        ({"replicas": 1}, {}, "scale deployment/cart to 2 replicas"),
        ({"replicas": 30}, {}, "scale deployment/cart to 50 replicas"),
        ({"replicas": 10}, {"max_scale_factor": 1.5}, "scale deployment/cart to 15 replicas"),
        ({"autoscaled_max": 10}, {}, None),
        ({"replicas": 50}, {}, None),
    ],
)
def test_saturation_is_scaled_within_policy(fields: dict[str, Any], policy: dict[str, Any], expected: str | None):
    """Twice the replicas, never beyond policy, never against an autoscaler."""
    inventory = Inventory(workloads=(workload(**fields),))
    assert action(cause("pod_cpu_overload"), inventory, policy=Policy(**policy)) == expected


def test_missing_replicas_come_back_from_git():
    """A tracked workload at zero is synced; an untracked one gets one replica."""
    drifted = tracked(sync_status="OutOfSync")
    assert action(cause("deployment_zero_replicas"), drifted) == "sync application/shop-cart to bbb"
    alone = Inventory(workloads=(workload(replicas=0, ready=0),))
    assert action(cause("deployment_zero_replicas"), alone) == "scale deployment/cart to 1 replicas"


def test_an_application_out_of_sync_is_synced():
    """Unless it heals itself or there is nothing to apply."""
    found = cause("application_out_of_sync", "application")
    named = found.model_copy(update={"object": ObjectRef(kind="application", name="shop-cart")})
    assert action(named, tracked(sync_status="OutOfSync")) == "sync application/shop-cart to bbb"
    assert action(named, tracked(sync_status="OutOfSync", self_heal=True)) is None


@pytest.mark.parametrize(
    "name", ["kubelet_unavailable", "slow_dependency", "namespace_pod_quota_exceeded", "pod_network_delay"]
)
def test_what_no_typed_action_mends_has_no_plan(name: str):
    """A diagnosis alone is better than an action beside the point."""
    assert action(cause(name), tracked()) is None


def test_a_far_less_likely_cause_is_no_reason_to_act():
    """Where nothing mends the likeliest one, people decide; two that are about as likely may both be true."""
    stopped, busy = cause("kubelet_unavailable", "node", 0.97), cause("pod_cpu_overload", confidence=0.6)
    arguments: dict[str, Any] = {"alerts": (ALERT,), "policy": Policy()}
    inventory = Inventory(workloads=(workload(),))
    assert propose([stopped, busy], inventory, Objectives(), **arguments) is None
    both = [stopped, cause("pod_cpu_overload", confidence=0.9)]
    draft = propose(both, inventory, Objectives(), **arguments)
    assert draft is not None
    assert describe(draft.actions[0]) == "scale deployment/cart to 4 replicas"


def test_scaling_what_argo_cd_tracks_says_what_the_next_sync_does():
    """Against self-heal nothing is scaled: it would be undone at once."""
    draft = plan(cause("pod_cpu_overload"), tracked())
    assert draft is not None
    assert "next sync of shop-cart sets the replicas back" in draft.rationale
    assert action(cause("pod_cpu_overload"), tracked(auto_sync=True, self_heal=True)) is None
    assert action(cause("pod_cpu_overload"), Inventory(workloads=(workload(application="shop-cart"),))) is None


@pytest.mark.parametrize("name", ["service_selector_mismatch", "service_port_mapping_mismatch"])
def test_a_services_fault_is_mended_by_the_application_that_delivers_it(name: str):
    """By Git where live is unlike it, by the revision before where Git is wrong; no rollout of pods mends a Service."""
    assert action(cause(name, "service"), tracked(sync_status="OutOfSync")) == "sync application/shop-cart to bbb"
    delivered = tracked(sync_status="Synced")
    assert action(cause(name, "service"), delivered) == "roll application/shop-cart back to aaa (history 4)"
    assert action(cause(name, "service"), Inventory(workloads=(workload(),))) is None


def test_a_template_changed_by_hand_is_synced():
    """Argo CD delivered days ago, somebody changed the workload since: Git has what ran before."""
    history = (Deployed(history_id=5, revision="bbb", deployed_at=NOW - timedelta(days=3)),)
    drifted = tracked(sync_status="OutOfSync", history=history)
    assert action(cause("missing_secret_binding"), drifted) == "sync application/shop-cart to bbb"


def test_a_misrouted_service_is_not_what_is_changed():
    """The route belongs to the gateway, which the cause does not name."""
    assert action(cause("gateway_misroute"), tracked(sync_status="OutOfSync")) is None


@pytest.mark.parametrize("name", ["memory_leak", "connection_pool_exhausted"])
def test_what_a_process_lost_it_gets_back_by_a_restart_if_no_release_brought_it(name: str):
    """A recent release goes back first."""
    assert action(cause(name), tracked()) == "roll application/shop-cart back to aaa (history 4)"
    old = tuple(RolloutRevision(number=n, created_at=NOW - timedelta(days=9 - n)) for n in (1, 2))
    assert action(cause(name), Inventory(workloads=(workload(revisions=old),))) == "restart deployment/cart"


@pytest.mark.parametrize(
    "name", ["certificate_expired", "disk_full", "job_deadlocked", "clock_skew", "hpa_flapping", "db_read_only"]
)
def test_what_people_must_mend_has_no_plan(name: str):
    """No typed action renews, enlarges, ends or sets what is wrong."""
    assert action(cause(name), tracked(sync_status="OutOfSync")) is None


def test_weak_causes_get_no_plan():
    """A guess is no reason to change anything."""
    assert action(cause("bad_release", confidence=0.3), tracked()) is None


def test_a_patterns_remedies_limit_the_plan():
    """`only` leaves out every other type of action."""
    assert action(cause("bad_release"), tracked(), only=("restart_workload",)) is None
    assert action(cause("bad_release"), tracked(), only=("rollback_application",)) is not None


def test_the_checks_hold_the_service_to_its_objectives():
    """Application, rollout, objectives, and the alerts themselves."""
    draft = plan(cause("bad_release"), tracked())
    assert draft is not None
    kinds = [type(check) for check in draft.checks]
    assert kinds == [ApplicationCheck, RolloutCheck, SignalCheck, SignalCheck, AlertsClearedCheck]


def test_names_in_alerts_that_nobody_saw_do_not_reach_the_plan():
    """Free text in a label is no service to check, and cannot break the plan."""
    odd = ALERT.model_copy(update={"labels": {**ALERT.labels, "service": "Ignore ALL; previous"}})
    draft = plan(cause("bad_release"), tracked(), alerts=(odd,))
    assert draft is not None
    assert {check.service for check in draft.checks if isinstance(check, SignalCheck)} == {"cart"}


@given(
    st.sampled_from(sorted(CAUSES)),
    st.sampled_from(["deployment", "service", "application", "node"]),
    st.integers(0, 60),
    st.booleans(),
    st.booleans(),
)
def test_every_action_is_legal_and_allowed(name: str, kind: str, replicas: int, auto_sync: bool, tracks: bool):
    """Whatever the cause and the inventory, nothing unseen or forbidden is proposed."""
    inventory = tracked(auto_sync=auto_sync, sync_status="OutOfSync")
    entry = workload(replicas=replicas, application="shop-cart" if tracks else None)
    inventory = inventory.model_copy(update={"workloads": (entry,)})
    draft = plan(cause(name, kind), inventory)
    for item in draft.actions if draft else ():
        assert violations(item, inventory) == ()
        assert refusals(item, inventory, Policy()) == ()


def test_a_forbidden_namespace_is_left_alone():
    """Policy forbids changes there, so there is nothing to propose."""
    policy = Policy(forbidden_namespaces=("store",))
    assert action(cause("bad_release"), tracked(), policy=policy) is None
