"""Incidents as the API shows them: a contract, so fields are added and never renamed."""

from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from domain import facts
from domain.actions import Action, Risk
from domain.alerts import Alert
from domain.approvals import Decision
from domain.checks import Check
from domain.diagnosis import Blindspot, Diagnosis, RankedCause
from domain.evidence import Citation, Claim, Evidence
from domain.facts import Fact, IncidentStatus, Phase
from domain.incidents import Incident
from domain.learning import Match
from domain.model import Timestamp
from domain.plans import Plan, PlannedAction, Precondition, PredictedEffect
from service.store.facts import NumberedFact

JsonObject = dict[str, JsonValue]


class ClaimView(BaseModel):
    """A claim; `evidence` are the ids of what it cites, `citations` the very values."""

    text: str
    citations: tuple[Citation, ...]
    evidence: tuple[str, ...]


class CauseView(BaseModel):
    """One ranked cause. `object` is `kind/name` in lower case."""

    cause: str
    object: str
    namespace: str | None
    confidence: float
    claims: list[ClaimView]


class DiagnosisView(BaseModel):
    """What is wrong; no causes means that the evidence does not suffice."""

    summary: str
    confidence: float
    planner: str
    causes: list[CauseView]
    blindspots: tuple[Blindspot, ...]
    notes: tuple[str, ...]


class ActionView(BaseModel):
    """An action's own arguments beside what goes with it."""

    model_config = ConfigDict(extra="allow")

    type: str
    risk: Risk
    precondition: Precondition
    predicted_effect: PredictedEffect
    inverse: Action | None


class PlanView(BaseModel):
    """The plan card. `approvals` are the people whose approval counts so far, of `quorum`."""

    digest: str
    version: int
    risk: Risk
    actions: list[ActionView]
    checks: tuple[Check, ...]
    rationale: str
    evidence_digests: tuple[str, ...]
    proposed_by: str
    created_at: Timestamp
    expires_at: Timestamp
    quorum: int | None
    roles: tuple[str, ...]
    approvals: tuple[str, ...]


class DecisionView(BaseModel):
    """One decision; `actor` is the name behind the token."""

    id: str
    kind: str
    actor: str
    roles: tuple[str, ...]
    plan_digest: str | None
    reason: str
    at: Timestamp


class FactView(BaseModel):
    """One fact, with the fields of its type."""

    model_config = ConfigDict(extra="allow")

    id: str
    type: str
    at: Timestamp
    number: int = Field(description="place in the incident's history; the id of the event in the stream")


class IncidentHead(BaseModel):
    """What a list and the full view share."""

    id: str
    status: IncidentStatus
    phase: Phase
    title: str
    severity: str
    namespace: str | None
    service: str | None
    opened_at: Timestamp
    updated_at: Timestamp
    closed_at: Timestamp | None
    close_reason: str | None


class IncidentSummary(IncidentHead):
    """An incident in a list."""

    fingerprints: list[str]
    plan_digest: str | None


class IncidentView(IncidentHead):
    """Everything about one incident."""

    related_to: str | None
    pattern_id: str | None
    alerts: list[JsonObject]
    matches: tuple[Match, ...]
    evidence: tuple[Evidence, ...]
    diagnosis: DiagnosisView | None
    plan: PlanView | None
    decisions: list[DecisionView]
    facts: list[FactView]


def incident_summary(incident: Incident) -> IncidentSummary:
    """One line of a list."""
    return IncidentSummary(
        fingerprints=sorted({alert.fingerprint for alert in incident.alerts}),
        plan_digest=incident.plan.digest if incident.plan else None,
        **_head(incident),
    )


def incident_view(incident: Incident, history: Sequence[NumberedFact]) -> IncidentView:
    """The incident with its whole history."""
    return IncidentView(
        related_to=incident.related_to,
        pattern_id=incident.pattern_id,
        alerts=[alert_view(alert) for alert in incident.alerts],
        matches=incident.matches,
        evidence=incident.evidence,
        diagnosis=diagnosis_view(incident.diagnosis) if incident.diagnosis else None,
        plan=plan_view(incident.plan, incident.decisions, history) if incident.plan else None,
        decisions=[decision_view(decision) for decision in incident.decisions],
        facts=[fact_view(item) for item in history],
        **_head(incident),
    )


def _head(incident: Incident) -> dict[str, Any]:
    return {name: getattr(incident, name) for name in IncidentHead.model_fields}


def alert_view(alert: Alert) -> JsonObject:
    """The alert in Alertmanager's own field names."""
    return cast("JsonObject", alert.model_dump(mode="json", by_alias=True))


def claim_view(claim: Claim) -> ClaimView:
    """The claim with the ids of its evidence."""
    return ClaimView(text=claim.text, citations=claim.citations, evidence=claim.evidence)


def diagnosis_view(diagnosis: Diagnosis) -> DiagnosisView:
    """The diagnosis with objects as `kind/name`."""
    return DiagnosisView(
        summary=diagnosis.summary,
        confidence=diagnosis.confidence,
        planner=diagnosis.planner,
        causes=[_cause_view(cause) for cause in diagnosis.causes],
        blindspots=diagnosis.blindspots,
        notes=diagnosis.notes,
    )


def _cause_view(cause: RankedCause) -> CauseView:
    return CauseView(
        cause=cause.cause,
        object=str(cause.object),
        namespace=cause.object.namespace,
        confidence=cause.confidence,
        claims=[claim_view(claim) for claim in cause.claims],
    )


def plan_view(plan: Plan, decisions: Sequence[Decision], history: Sequence[NumberedFact]) -> PlanView:
    """The plan card, with what its gate asks for and has."""
    digest = plan.digest
    proposal = next((fact for fact in _proposals(history) if fact.digest == digest), None)
    approvers = (d.actor.name for d in decisions if d.kind == "approve" and d.plan_digest == digest)
    return PlanView(
        digest=digest,
        version=plan.version,
        risk=plan.risk,
        actions=[action_view(planned) for planned in plan.actions],
        checks=plan.checks,
        rationale=plan.rationale,
        evidence_digests=plan.evidence_digests,
        proposed_by=plan.proposed_by,
        created_at=plan.created_at,
        expires_at=plan.expires_at,
        quorum=proposal.quorum if proposal else None,
        roles=proposal.roles if proposal else (),
        approvals=tuple(dict.fromkeys(approvers)),
    )


def _proposals(history: Sequence[NumberedFact]) -> list[facts.RemediationProposed]:
    return [item.fact for item in history if isinstance(item.fact, facts.RemediationProposed)]


def action_view(planned: PlannedAction) -> ActionView:
    """The action flattened: its type and arguments, then risk, precondition, effect and inverse."""
    return ActionView(
        risk=planned.risk,
        precondition=planned.precondition,
        predicted_effect=planned.predicted_effect,
        inverse=planned.inverse,
        **planned.action.model_dump(mode="json"),
    )


def decision_view(decision: Decision) -> DecisionView:
    """A decision with the name of who made it."""
    return DecisionView(
        id=decision.id,
        kind=decision.kind,
        actor=decision.actor.name,
        roles=decision.actor.roles,
        plan_digest=decision.plan_digest,
        reason=decision.reason,
        at=decision.at,
    )


def fact_view(item: NumberedFact) -> FactView:
    """A fact with its parts as this API shows them; evidence without its observations, which the incident has."""
    plain = item.fact.model_dump(mode="json", exclude={"incident_id"})
    return FactView.model_validate({**plain, **_rendered(item.fact), "number": item.number})


def _rendered(fact: Fact) -> JsonObject:
    match fact:
        case facts.IncidentOpened() | facts.AlertsUpdated():
            return {"alerts": [alert_view(alert) for alert in fact.alerts]}
        case facts.EvidenceCollected():
            return {"evidence": [item.model_dump(mode="json", exclude={"observations"}) for item in fact.evidence]}
        case facts.TriagePhaseCompleted():
            return {"diagnosis": diagnosis_view(fact.diagnosis).model_dump(mode="json")}
        case facts.RemediationProposed():
            actions = [action_view(planned).model_dump(mode="json") for planned in fact.plan.actions]
            plan = fact.plan.model_dump(mode="json") | {"digest": fact.digest, "risk": fact.plan.risk}
            return {"plan": cast("JsonObject", plan | {"actions": actions})}
        case facts.DecisionRecorded():
            return {"decision": decision_view(fact.decision).model_dump(mode="json")}
        case _:
            return {}
