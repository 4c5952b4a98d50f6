"""What people decide about an incident's plan. Every attempt is audited, allowed or not."""

import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from domain.approvals import Decision, DecisionKind
from domain.errors import AlreadyDecided, ApprovalExpired, InvalidInput, InvalidPlan, NotFound, TriagentError
from domain.facts import FINAL, DecisionRecorded
from domain.incidents import Incident
from domain.model import digest_of
from domain.plans import PlanDraft
from service.api.audited_route import AuditedRoute
from service.api.callers import Decider, address
from service.api.problems import slug_of
from service.api.services import Provided, Services
from service.api.views import IncidentView, incident_view, plan_view
from service.auth import Identity
from service.engine import DecisionReceipt
from service.store.audit import AuditEvent

PROJECTED_WITHIN = 2.0
"""Seconds to wait for the projection to show a decision, so that the answer is the new state."""
KEY_LENGTH = 16
"""Characters of a decision's id that stand for its idempotency key; as many stand for what is decided."""
SHOWN_ONLY = frozenset({"risk", "precondition", "predicted_effect", "inverse"})
"""Parts of an action that a plan card shows; they are always read again from live state."""
DRAFTED = frozenset({"actions", "checks", "rationale"})

router = APIRouter(tags=["decisions"], route_class=AuditedRoute)


class DecisionRequest(BaseModel):
    """`plan_digest` says which plan was looked at. `plan` is for `modify`: the plan card, changed."""

    model_config = ConfigDict(extra="forbid")

    plan_digest: str | None = Field(default=None, max_length=64)
    reason: str = Field(default="", max_length=2000)
    plan: dict[str, JsonValue] | None = None


class DecidedView(IncidentView):
    """The incident after the decision, and where its gate stands."""

    outcome: str
    approvals: int
    quorum: int


@dataclass(frozen=True)
class Attempt:
    """Somebody about to decide about an incident."""

    incident_id: str
    caller: Identity
    ip: str
    key: str | None
    services: Services

    async def decide(self, kind: DecisionKind, body: DecisionRequest) -> DecidedView:
        """Hand the decision to the incident's workflow, audit the outcome, and return the new state."""
        try:
            decision = self._decision(kind, body)
            receipt = await self._receipt(decision)
        except TriagentError as error:
            await self._audit(kind, body, slug_of(error), str(error))
            raise
        await self._audit(kind, body, receipt.outcome, body.reason)
        return await self._new_state(decision, receipt)

    def _decision(self, kind: DecisionKind, body: DecisionRequest) -> Decision:
        _refuse_incomplete(kind, body)
        draft = posted_draft(body.plan) if body.plan is not None else None
        return Decision(
            id=self._decision_id(kind, body, draft),
            kind=kind,
            actor=self.caller.actor,
            plan_digest=body.plan_digest,
            reason=body.reason,
            draft=draft,
            at=datetime.now(UTC),
        )

    def _decision_id(self, kind: DecisionKind, body: DecisionRequest, draft: PlanDraft | None) -> str:
        """The key's part, then what is decided: equal for a repeat, half equal if the key is for something else now."""
        if not self.key:
            return uuid.uuid4().hex
        # A key counts for its own caller, incident and kind of decision only.
        key = digest_of([self.caller.name, self.incident_id, kind, self.key])[:KEY_LENGTH]
        content = digest_of([body.plan_digest, body.reason, draft.model_dump(mode="json") if draft else None])
        return key + content[:KEY_LENGTH]

    async def _receipt(self, decision: Decision) -> DecisionReceipt:
        incident = await self.services.facts.incident(self.incident_id)
        if any(earlier.id == decision.id for earlier in incident.decisions):
            return await self._earlier_receipt(incident, decision.id)
        if any(earlier.id[:KEY_LENGTH] == decision.id[:KEY_LENGTH] for earlier in incident.decisions):
            raise InvalidInput(
                f"Idempotency-Key: {self.key} was used to {decision.kind} something else, or for another reason; "
                "a new decision needs a new key"
            )
        _refuse_if_closed(incident)
        try:
            return await self.services.engine.decide(self.incident_id, decision)
        except NotFound as error:
            # The projection is a moment behind the workflow, which is over already.
            raise AlreadyDecided(f"incident {self.incident_id} is closed") from error

    async def _earlier_receipt(self, incident: Incident, decision_id: str) -> DecisionReceipt:
        history = await self.services.facts.history(self.incident_id)
        recorded = (item.fact for item in history if isinstance(item.fact, DecisionRecorded))
        fact = next(fact for fact in recorded if fact.decision.id == decision_id)
        plan = plan_view(incident.plan, incident.decisions, history) if incident.plan else None
        return DecisionReceipt(
            incident_id=self.incident_id,
            outcome=fact.outcome,
            plan_digest=fact.decision.plan_digest,
            approvals=len(plan.approvals) if plan else 0,
            quorum=(plan.quorum if plan else None) or 1,
        )

    async def _new_state(self, decision: Decision, receipt: DecisionReceipt) -> DecidedView:
        deadline = time.monotonic() + PROJECTED_WITHIN
        incident = await self.services.facts.incident(self.incident_id)
        while not _shows(incident, decision) and time.monotonic() < deadline:
            await self.services.feed.changed(self.incident_id, 0.1)
            incident = await self.services.facts.incident(self.incident_id)
        view = incident_view(incident, await self.services.facts.history(self.incident_id))
        # Read from attributes: what the view nests is built already.
        return DecidedView(
            **{name: getattr(view, name) for name in IncidentView.model_fields},
            outcome=receipt.outcome,
            approvals=receipt.approvals,
            quorum=receipt.quorum,
        )

    async def _audit(self, kind: DecisionKind, body: DecisionRequest, result: str, detail: str) -> None:
        plan = f"plan {body.plan_digest}" if body.plan_digest else ""
        event = AuditEvent(
            actor=self.caller.name,
            action=f"incident.{kind}",
            target=self.incident_id,
            result=result,
            ip=self.ip,
            detail=": ".join(part for part in (plan, detail) if part),
        )
        await self.services.audit.record(event)


def _attempt(
    incident_id: str,
    request: Request,
    provided: Provided,
    caller: Decider,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="makes a repeat count once; one key, one decision")
    ] = None,
) -> Attempt:
    return Attempt(incident_id, caller, address(request), idempotency_key, provided)


Attempted = Annotated[Attempt, Depends(_attempt)]


DECISIONS: dict[DecisionKind, str] = {
    "approve": "Approve the plan with this digest. It is carried out once enough different people have.",
    "reject": "Reject the plan: nothing is written, and the incident is closed.",
    "modify": "Change the plan. It is prepared again from live state, and approval is asked for again.",
    "escalate": "Page a human and close the triage.",
    "cancel": "End the triage.",
}
"""What people may decide, and what it does."""


def _offer(kind: DecisionKind, description: str) -> None:
    async def decide(attempt: Attempted, body: DecisionRequest) -> DecidedView:
        return await attempt.decide(kind, body)

    router.add_api_route(
        f"/incidents/{{incident_id}}/{kind}", decide, methods=["POST"], name=kind, description=description
    )


for _kind, _description in DECISIONS.items():
    _offer(_kind, _description)


def _shows(incident: Incident, decision: Decision) -> bool:
    return incident.status in FINAL or any(known.id == decision.id for known in incident.decisions)


def _refuse_if_closed(incident: Incident) -> None:
    if incident.status == "expired":
        raise ApprovalExpired(f"incident {incident.id} expired: {incident.close_reason}")
    if incident.status in FINAL:
        raise AlreadyDecided(f"incident {incident.id} is {incident.status}")


def _refuse_incomplete(kind: DecisionKind, body: DecisionRequest) -> None:
    if kind in {"approve", "reject", "modify"} and not body.plan_digest:
        raise InvalidInput(f"plan_digest: {kind} needs the digest of the plan that was looked at")
    if (kind == "modify") != (body.plan is not None):
        raise InvalidInput("plan: modify needs the changed plan" if kind == "modify" else f"plan: {kind} takes none")


def posted_draft(posted: dict[str, JsonValue]) -> PlanDraft:
    """The proposal in a plan card that came back. What the card only shows is dropped, never believed.

    Raises `InvalidPlan` with the path of every field that is wrong.
    """
    proposal = {name: value for name, value in posted.items() if name in DRAFTED}
    actions = proposal.get("actions")
    if isinstance(actions, list):
        proposal["actions"] = [_arguments(action) for action in actions]
    try:
        return PlanDraft.model_validate(proposal)
    except ValidationError as error:
        found = tuple(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_url=False))
        raise InvalidPlan(found) from error


def _arguments(action: JsonValue) -> JsonValue:
    if not isinstance(action, dict):
        return action
    return {name: value for name, value in action.items() if name not in SHOWN_ONLY}
