"""Decisions of people about a plan, and the rules by which they count."""

from typing import Literal

from pydantic import Field

from domain.errors import AlreadyDecided, ApprovalExpired, Forbidden, StaleDigest
from domain.model import Model, Timestamp
from domain.plans import Plan, PlanDraft
from domain.policy import ApprovalRule, Role

DecisionKind = Literal["approve", "reject", "modify", "escalate", "cancel"]


class Actor(Model):
    """Who decides: the name of a token or user, and the roles it was issued with."""

    name: str = Field(min_length=1, max_length=128)
    roles: tuple[Role, ...] = ()


class Decision(Model):
    """One decision. `id` makes a delivery that comes twice count once."""

    id: str
    kind: DecisionKind
    actor: Actor
    plan_digest: str | None = None
    reason: str = Field(default="", max_length=2000)
    draft: PlanDraft | None = None
    at: Timestamp


class Approval(Model):
    """The gate of one plan: what is needed, and what was said. A pure fold over decisions."""

    plan: Plan
    rule: ApprovalRule
    authors: tuple[str, ...] = ()
    """The people who have changed the plan on its way to what it is now."""
    decisions: tuple[Decision, ...] = ()

    @property
    def approvers(self) -> tuple[str, ...]:
        """Different people whose approval counts."""
        names = (d.actor.name for d in self.decisions if d.kind == "approve")
        return tuple(dict.fromkeys(names))

    @property
    def outcome(self) -> Literal["pending", "approved", "rejected"]:
        """Where the gate stands. One rejection ends it; approval needs the quorum."""
        if any(d.kind == "reject" for d in self.decisions):
            return "rejected"
        return "approved" if len(self.approvers) >= self.rule.quorum else "pending"

    def recorded(self, decision: Decision) -> "Approval":
        """The gate after `decision`.

        Raises `StaleDigest`, `ApprovalExpired`, `AlreadyDecided` or `Forbidden`, and then nothing has changed. The same
        decision (by id) delivered again changes nothing and raises nothing.
        """
        if any(d.id == decision.id for d in self.decisions):
            return self
        if decision.plan_digest != self.plan.digest:
            raise StaleDigest("this is not the plan under review; look at it again")
        if self.outcome != "pending":
            raise AlreadyDecided(f"the plan is already {self.outcome}")
        if decision.at >= self.plan.expires_at:
            raise ApprovalExpired(f"the plan expired at {self.plan.expires_at.isoformat()}")
        self._authorise(decision)
        return self.model_copy(update={"decisions": (*self.decisions, decision)})

    def _authorise(self, decision: Decision) -> None:
        roles = set(decision.actor.roles)
        if decision.kind in {"approve", "modify"} and not roles & set(self.rule.roles):
            raise Forbidden(f"a {self.plan.risk}-risk plan needs one of the roles {', '.join(self.rule.roles)}")
        if decision.kind == "reject" and not roles:
            raise Forbidden("rejecting needs a role")
        if decision.kind != "approve":
            return
        if decision.actor.name in self.approvers:
            raise AlreadyDecided(f"{decision.actor.name} has already approved this plan")
        if self.rule.separation_of_duties and decision.actor.name in self.authors:
            raise Forbidden("whoever changed the plan may not approve it; somebody else must")
