import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.actions import ACTION, RestartWorkload, RollbackApplication, ScaleWorkload, SyncApplication, UndoRollout
from domain.checks import AlertsClearedCheck, ApplicationCheck, RolloutCheck, SignalCheck
from domain.errors import InvalidPlan
from domain.inventory import ApplicationEntry, Deployed, Inventory, RolloutRevision, WorkloadEntry, pinned, violations
from domain.inverses import inverse, no_way_back
from domain.model import canonical_json
from domain.objects import WorkloadRef
from domain.plans import ApplicationPrecondition, Plan, PlanDraft, WorkloadPrecondition, held_to
from domain.policy import ApprovalRule, Policy, refusals, risk_of
from tests.domain.factories import BEFORE, CHECKOUT, alert, plan

SEEN = Inventory(
    workloads=(
        WorkloadEntry(
            ref=CHECKOUT,
            replicas=2,
            ready=2,
            revisions=(RolloutRevision(number=3), RolloutRevision(number=4)),
            current_revision=4,
        ),
    ),
    applications=(
        ApplicationEntry(
            name="shop-checkout",
            namespace="shop",
            target_revision="cccc",
            history=(Deployed(history_id=1, revision="aaaa"), Deployed(history_id=2, revision="bbbb")),
        ),
    ),
)
APPLIED = ApplicationPrecondition(
    uid="u", deployed_revision="bbbb", last_history_id=2, target_revision="cccc", auto_sync=False
)


def test_the_digest_survives_a_round_trip_through_json():
    """What the reviewer's client received hashes to the same digest."""
    again = Plan.model_validate_json(plan().model_dump_json())
    assert again.digest == plan().digest


@pytest.mark.parametrize(
    "change",
    [
        {"evidence_digests": ("d1",)},
        {"version": 2},
        {"checks": ()},
        {"incident_id": "inc-2"},
        {"expires_at": plan().created_at},
    ],
)
def test_any_change_changes_the_digest(change):
    """Plan, evidence and expiry are all bound."""
    assert plan().model_copy(update=change).digest != plan().digest


def test_a_changed_precondition_changes_the_digest():
    """The live state that was reviewed is bound."""
    original = plan()
    drifted = original.actions[0].model_copy(update={"precondition": BEFORE.model_copy(update={"generation": 9})})
    assert original.model_copy(update={"actions": (drifted,)}).digest != original.digest


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values))
def test_canonical_json_does_not_depend_on_key_order(value):
    """The same mapping built in another order has the same bytes."""
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


@pytest.mark.parametrize(
    "action",
    [
        RestartWorkload(workload=WorkloadRef(namespace="shop", name="unseen")),
        RestartWorkload(workload=WorkloadRef(namespace="other", name="checkout")),
        ScaleWorkload(workload=CHECKOUT, replicas=2),
        UndoRollout(workload=CHECKOUT, to_revision=1),
        UndoRollout(workload=CHECKOUT, to_revision=4),
        RollbackApplication(application="shop-checkout", history_id=1, revision="bbbb"),
        RollbackApplication(application="unseen", history_id=1, revision="aaaa"),
        SyncApplication(application="shop-checkout", revision="dddd"),
    ],
)
def test_a_plan_may_only_name_what_a_tool_saw(action):
    """Unknown objects, revisions and history entries are refused, and so are changes that change nothing."""
    assert violations(action, SEEN)


@pytest.mark.parametrize(
    "action",
    [
        RestartWorkload(workload=CHECKOUT),
        ScaleWorkload(workload=CHECKOUT, replicas=4),
        UndoRollout(workload=CHECKOUT, to_revision=3),
        RollbackApplication(application="shop-checkout", history_id=1, revision="aaaa"),
        SyncApplication(application="shop-checkout", revision="cccc"),
    ],
)
def test_a_plan_may_name_what_a_tool_saw(action):
    """Seen objects pass inventory and policy."""
    assert violations(action, SEEN) == ()
    assert refusals(action, SEEN, Policy()) == ()


COMMIT = "c" * 40
FOLLOWS = ApplicationEntry(
    name="shop-checkout", target_revision="main", target_commit=COMMIT, history=SEEN.applications[0].history
)


@pytest.mark.parametrize(
    ("revision", "entry", "commit"),
    [
        ("main", FOLLOWS, COMMIT),
        (COMMIT, FOLLOWS, COMMIT),
        ("d" * 64, FOLLOWS, "d" * 64),
        ("aaaa", FOLLOWS, "aaaa"),
        (COMMIT, FOLLOWS.model_copy(update={"auto_sync": True, "target_revision": COMMIT}), COMMIT),
    ],
)
def test_a_name_that_moves_is_planned_as_the_commit_it_stands_for(revision, entry, commit):
    """What was reviewed is what is deployed, wherever the branch is by then; what was deployed has a fixed revision."""
    action = SyncApplication(application="shop-checkout", revision=revision)
    assert pinned(action, entry) == SyncApplication(application="shop-checkout", revision=commit)


@pytest.mark.parametrize(
    ("revision", "update", "reason"),
    [
        ("main", {"target_commit": ""}, "main may move after the review; give a commit, such as bbbb"),
        ("main", {"target_commit": "main"}, "main may move after the review"),
        ("main", {"target_commit": "", "history": ()}, "main may move after the review; give a commit"),
        ("deadbeef", {}, "deadbeef may move after the review"),
        ("main", {"auto_sync": True}, "takes no other revision than main while auto-sync is on"),
        ("aaaa", {"auto_sync": True}, "takes no other revision than main while auto-sync is on"),
    ],
)
def test_a_revision_that_cannot_be_held_to_is_refused(revision, update, reason):
    """With what to give instead; and under auto-sync Argo CD syncs to nothing but what it follows."""
    action = SyncApplication(application="shop-checkout", revision=revision)
    with pytest.raises(InvalidPlan, match=reason):
        pinned(action, FOLLOWS.model_copy(update=update))


def test_the_commit_that_git_is_at_may_be_named():
    """Whoever sends a card back names the commit that it shows."""
    seen = Inventory(applications=(FOLLOWS,))
    assert violations(SyncApplication(application="shop-checkout", revision=COMMIT), seen) == ()


@pytest.mark.parametrize("name", ["checkout; rm -rf /", "../x", "Check Out", "", "a" * 300, "x\n"])
def test_free_text_is_not_a_name(name):
    """A workload's name is a DNS-1123 subdomain or the action cannot be built."""
    with pytest.raises(ValidationError):
        ACTION.validate_python(
            {"type": "restart_workload", "workload": {"kind": "deployment", "namespace": "shop", "name": name}}
        )


@given(st.integers(0, 50), st.integers(0, 50))
def test_the_inverse_of_a_scale_puts_the_old_count_back(old, new):
    """Scaling and its inverse leave the replica count as it was."""
    before = BEFORE.model_copy(update={"replicas": old})
    back = inverse(ScaleWorkload(workload=CHECKOUT, replicas=new), before)
    assert back == ScaleWorkload(workload=CHECKOUT, replicas=old)


def test_every_other_action_has_its_inverse():
    """Undo comes back to the current revision; sync and rollback undo each other; a restart loses nothing."""
    assert inverse(RestartWorkload(workload=CHECKOUT), BEFORE) is None
    assert inverse(UndoRollout(workload=CHECKOUT, to_revision=3), BEFORE) == UndoRollout(
        workload=CHECKOUT, to_revision=4
    )
    assert inverse(SyncApplication(application="shop-checkout", revision="cccc"), APPLIED) == RollbackApplication(
        application="shop-checkout", history_id=2, revision="bbbb"
    )
    rollback = RollbackApplication(application="shop-checkout", history_id=1, revision="aaaa")
    assert inverse(rollback, APPLIED) == SyncApplication(application="shop-checkout", revision="bbbb")


def test_what_cannot_be_undone_cannot_be_planned():
    """An undo without a revision to come back to is refused before anybody is asked."""
    before = WorkloadPrecondition(uid="u", generation=1, replicas=1)
    with pytest.raises(InvalidPlan):
        inverse(UndoRollout(workload=CHECKOUT, to_revision=3), before)
    never = APPLIED.model_copy(update={"deployed_revision": "", "last_history_id": -1})
    with pytest.raises(InvalidPlan, match="no deployed revision"):
        inverse(SyncApplication(application="shop-checkout", revision="cccc"), never)


@pytest.mark.parametrize(
    ("revision", "before", "reason"),
    [
        ("bbbb", APPLIED, "is deployed already"),
        ("cccc", APPLIED.model_copy(update={"auto_sync": True}), "while auto-sync is on"),
        ("cccc", APPLIED, ""),
    ],
)
def test_a_sync_that_no_rollback_puts_right_has_no_inverse_and_says_why(revision, before, reason):
    """Back to the revision it deploys is no way back, and Argo CD rolls nothing back under auto-sync."""
    action = SyncApplication(application="shop-checkout", revision=revision)
    assert reason in no_way_back(action, before)
    assert bool(no_way_back(action, before)) == bool(reason) == (inverse(action, before) is None)


def test_what_cannot_be_undone_is_of_high_risk_but_for_a_restart():
    """A restart has nothing to undo, which is something else."""
    assert no_way_back(RestartWorkload(workload=CHECKOUT), BEFORE) == ""
    sync = SyncApplication(application="shop-checkout", revision="bbbb")
    assert risk_of(sync, SEEN, Policy(), final=True) == "high"
    assert risk_of(sync, SEEN, Policy()) == "medium"


@pytest.mark.parametrize("replicas", [0, 9, 51])
def test_policy_bounds_how_far_a_workload_is_scaled(replicas):
    """Zero, more than the factor and more than the maximum are refused."""
    assert refusals(ScaleWorkload(workload=CHECKOUT, replicas=replicas), SEEN, Policy())


def test_policy_forbids_system_namespaces_and_raises_risk_where_told():
    """kube-system is never touched; a high-risk namespace needs the high-risk quorum."""
    system = WorkloadRef(namespace="kube-system", name="coredns")
    assert refusals(RestartWorkload(workload=system), SEEN, Policy())
    careful = Policy(high_risk_namespaces=("shop",))
    assert risk_of(RestartWorkload(workload=CHECKOUT), SEEN, careful) == "high"
    assert careful.rule("high").quorum == 2


@pytest.mark.parametrize(
    "action",
    [
        SyncApplication(application="shop-checkout", revision="cccc"),
        RollbackApplication(application="shop-checkout", history_id=1, revision="aaaa"),
    ],
)
def test_policy_looks_at_every_namespace_an_application_has_objects_in(action):
    """Its destination is only where those go that name none."""
    spread = SEEN.applications[0].model_copy(update={"namespaces": ("kube-system", "payments", "shop")})
    seen = Inventory(applications=(spread,))
    assert refusals(action, seen, Policy()) == ("policy forbids changes in namespace kube-system",)
    allowed = Policy(forbidden_namespaces=(), high_risk_namespaces=("payments",))
    assert refusals(action, seen, allowed) == ()
    assert risk_of(action, seen, allowed) == "high"
    assert refusals(action, seen, Policy(forbidden_namespaces=("shop",))) != ()


def test_no_policy_turns_the_gate_off():
    """A quorum of nobody, a missing rule and an empty role list are refused."""
    for bad in ({"quorum": 0}, {"roles": ()}):
        with pytest.raises(ValidationError):
            ApprovalRule.model_validate(bad)
    with pytest.raises(ValidationError, match="high"):
        Policy(rules={"low": ApprovalRule(), "medium": ApprovalRule()})


CART = WorkloadRef(namespace="shop", name="cart")
ERRORS = SignalCheck(signal="error_ratio", namespace="shop", service="checkout", comparison="<=", threshold=0.02)
FIRING, CLEARED = alert(), alert("Slow", status="resolved")
ALERTS = AlertsClearedCheck(fingerprints=(FIRING.fingerprint,))


@pytest.mark.parametrize(
    ("action", "check"),
    [
        (RestartWorkload(workload=CHECKOUT), RolloutCheck(workload=CHECKOUT)),
        (ScaleWorkload(workload=CHECKOUT, replicas=4), RolloutCheck(workload=CHECKOUT)),
        (UndoRollout(workload=CHECKOUT, to_revision=3), RolloutCheck(workload=CHECKOUT)),
        (SyncApplication(application="shop", revision="cccc"), ApplicationCheck(application="shop")),
        (RollbackApplication(application="shop", history_id=1, revision="aaaa"), ApplicationCheck(application="shop")),
    ],
)
def test_no_plan_goes_without_its_checks(action, check):
    """What it changes must settle and what fires must clear, whoever drafted it and whatever else they ask for."""
    assert held_to(PlanDraft(actions=(action,)), (), None) == (check,)
    assert held_to(PlanDraft(actions=(action,)), (FIRING, CLEARED), None) == (check, ALERTS)
    asked = PlanDraft(actions=(action,), checks=(ERRORS, AlertsClearedCheck(fingerprints=("other",))))
    both = AlertsClearedCheck(fingerprints=("other", FIRING.fingerprint))
    assert held_to(asked, (FIRING,), None) == (check, ERRORS, both)


def test_a_draft_without_checks_keeps_those_of_the_plan_before_that_still_apply():
    """Objectives and alerts do; how other actions' objects settle, and a revision that is not brought now, do not."""
    pinned = ApplicationCheck(application="shop", revision="aaaa")
    before = plan().model_copy(update={"checks": (RolloutCheck(workload=CHECKOUT), ERRORS, pinned, ALERTS)})
    kept = held_to(PlanDraft(actions=(RestartWorkload(workload=CART),)), (), before)
    assert kept == (RolloutCheck(workload=CART), ERRORS, ALERTS)
    own = PlanDraft(actions=(RestartWorkload(workload=CART),), checks=(RolloutCheck(workload=CHECKOUT),))
    assert held_to(own, (), before) == (RolloutCheck(workload=CART), RolloutCheck(workload=CHECKOUT))


def test_a_check_without_what_is_new_keeps_its_digest():
    """Approvals of plans that wait while the service is updated still stand for the same plan."""
    assert ALERTS.model_dump(mode="json") == {"type": "alerts_cleared", "fingerprints": [FIRING.fingerprint]}
    assert ALERTS.model_copy(update={"listed": ("a",)}).model_dump(mode="json")["listed"] == ["a"]
