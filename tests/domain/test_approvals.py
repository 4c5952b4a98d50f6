from datetime import timedelta

import pytest

from domain.approvals import Approval
from domain.errors import AlreadyDecided, ApprovalExpired, Forbidden, StaleDigest
from domain.policy import ApprovalRule
from tests.domain.factories import decision, plan

PLAN = plan()
TWO = ApprovalRule(quorum=2)


def test_an_approval_counts_once_however_often_it_is_delivered():
    """The same decision id delivered again changes nothing, even after the outcome."""
    gate = Approval(plan=PLAN, rule=ApprovalRule()).recorded(decision(PLAN))
    assert gate.outcome == "approved"
    assert gate.recorded(decision(PLAN)) == gate


def test_a_quorum_of_two_needs_two_people():
    """One person cannot approve twice; a second one completes the quorum."""
    gate = Approval(plan=PLAN, rule=TWO).recorded(decision(PLAN, by="ana"))
    assert gate.outcome == "pending"
    with pytest.raises(AlreadyDecided):
        gate.recorded(decision(PLAN, by="ana", minutes=2))
    assert gate.recorded(decision(PLAN, by="bo")).outcome == "approved"


def test_one_rejection_ends_it():
    """After a rejection no approval counts."""
    gate = Approval(plan=PLAN, rule=TWO).recorded(decision(PLAN, "reject"))
    assert gate.outcome == "rejected"
    with pytest.raises(AlreadyDecided):
        gate.recorded(decision(PLAN, by="bo"))


def test_a_decision_about_another_plan_is_stale():
    """The digest binds the decision to what was reviewed."""
    with pytest.raises(StaleDigest):
        Approval(plan=PLAN, rule=ApprovalRule()).recorded(decision(plan(replicas=5)))


def test_after_expiry_nothing_is_approved():
    """The moment of expiry is already too late."""
    late = decision(PLAN, minutes=60)
    assert late.at == PLAN.created_at + timedelta(hours=1)
    with pytest.raises(ApprovalExpired):
        Approval(plan=PLAN, rule=ApprovalRule()).recorded(late)


@pytest.mark.parametrize("roles", [(), ("responder",)])
def test_a_role_that_the_rule_does_not_name_cannot_approve(roles):
    """Roles are checked against the plan's risk."""
    with pytest.raises(Forbidden):
        Approval(plan=PLAN, rule=ApprovalRule()).recorded(decision(PLAN, roles=roles))


def test_whoever_changed_the_plan_does_not_approve_it():
    """Separation of duties, for each who changed it, unless the rule gives it up."""
    gate = Approval(plan=PLAN, rule=ApprovalRule(), authors=("ana", "bo"))
    for author in ("ana", "bo"):
        with pytest.raises(Forbidden):
            gate.recorded(decision(PLAN, by=author))
    assert gate.recorded(decision(PLAN, by="cy")).outcome == "approved"
    alone = Approval(plan=PLAN, rule=ApprovalRule(separation_of_duties=False), authors=("ana",))
    assert alone.recorded(decision(PLAN, by="ana")).outcome == "approved"
