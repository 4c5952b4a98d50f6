"""The approval gate as a workflow holds it: one plan at a time, decisions in, a verdict out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Literal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.approvals import Approval, Decision
    from domain.errors import AlreadyDecided, InvalidPlan, StaleDigest
    from domain.facts import IncidentStatus
    from domain.plans import Plan, PlanDraft
    from domain.policy import ApprovalRule
    from workflows.messages import DecisionReceipt

Verdict = Literal["approved", "modified", "rejected", "expired", "quiet", "escalated", "cancelled"]
Stop = Literal["escalated", "cancelled"]
STOPS: dict[str, Stop] = {"escalate": "escalated", "cancel": "cancelled"}


class Gate:
    """Keeps every rule of `domain.approvals`; without an approved plan nothing passes."""

    def __init__(self, incident_id: str) -> None:
        self._incident_id = incident_id
        self._approval: Approval | None = None
        self._modification: Decision | None = None
        self._closed: IncidentStatus | None = None
        self.stopped: Stop | None = None
        self.stop_reason = ""
        self.authors: tuple[str, ...] = ()

    @property
    def approval(self) -> Approval:
        """The gate of the plan under review."""
        if self._approval is None:
            raise StaleDigest("there is no plan to decide about")
        return self._approval

    @property
    def digest(self) -> str:
        """Digest of the plan under review."""
        return self.approval.plan.digest

    def open(self, plan: Plan, rule: ApprovalRule) -> None:
        """Put a new plan up for review; what was said of the one before does not count for it."""
        self._approval = Approval(plan=plan, rule=rule, authors=self.authors)
        self._modification = None

    def close(self, status: IncidentStatus) -> None:
        """Take no more decisions."""
        self._closed = status

    def check(self, decision: Decision) -> None:
        """Raise what `record` would raise, and change nothing."""
        if self._approval and any(known.id == decision.id for known in self._approval.decisions):
            return
        if self._closed:
            raise AlreadyDecided(f"the incident is {self._closed}")
        if decision.kind in STOPS:
            return
        if self._modification is not None:
            raise StaleDigest("the plan was just modified; look at it again")
        if decision.kind == "modify" and decision.draft is None:
            raise InvalidPlan(("a modification carries the modified plan",))
        self.approval.recorded(decision)

    def record(self, decision: Decision) -> str:
        """Count the decision; returns where the gate now stands."""
        self.check(decision)
        if decision.kind in STOPS:
            self.stopped = STOPS[decision.kind]
            self.stop_reason = decision.reason or f"{self.stopped} by {decision.actor.name}"
            return self.stopped
        self._approval = self.approval.recorded(decision)
        if decision.kind == "modify":
            self._modification, self.authors = decision, (*self.authors, decision.actor.name)
            return "modified"
        return self._approval.outcome

    def take_modification(self) -> PlanDraft:
        """The modified draft, to be prepared and asked for."""
        if self._modification is None or self._modification.draft is None:
            raise InvalidPlan(("there is no modification",))
        return self._modification.draft

    def receipt(self, outcome: str) -> DecisionReceipt:
        """What the decider is told."""
        approval = self._approval
        return DecisionReceipt(
            incident_id=self._incident_id,
            outcome=outcome,
            plan_digest=approval.plan.digest if approval else None,
            approvals=len(approval.approvers) if approval else 0,
            quorum=approval.rule.quorum if approval else 0,
        )

    async def verdict(self, quiet_period: timedelta, is_quiet: Callable[[], bool]) -> Verdict:
        """Wait for people, for the plan's expiry, or for the alerts to have been gone for `quiet_period`."""
        while True:
            left = self.approval.plan.expires_at - workflow.now()
            if left <= timedelta(0):
                return "expired"
            waited = min(left, quiet_period) if is_quiet() else left
            was_quiet = is_quiet()
            try:
                await workflow.wait_condition(
                    lambda was=was_quiet: self._decided() is not None or is_quiet() != was, timeout=waited
                )
            except TimeoutError:
                if was_quiet and waited < left:
                    return "quiet"
            decided = self._decided()
            if decided:
                return decided

    def _decided(self) -> Verdict | None:
        if self.stopped:
            return self.stopped
        if self._modification:
            return "modified"
        outcome = self.approval.outcome
        return None if outcome == "pending" else outcome
