"""The incident as readers see it: a projection, folded from facts and nothing else."""

from collections.abc import Iterable

from domain import facts
from domain.alerts import Alert
from domain.approvals import Decision
from domain.diagnosis import Diagnosis
from domain.errors import InvalidInput
from domain.evidence import Evidence
from domain.facts import Fact, IncidentStatus, Phase
from domain.learning import Match
from domain.model import Model, Timestamp
from domain.plans import Plan


class Incident(Model):
    """One incident. `plan` is the one under review or last decided; `evidence` holds everything collected."""

    id: str
    group_id: str
    title: str
    severity: str
    namespace: str | None
    service: str | None
    status: IncidentStatus
    phase: Phase
    opened_at: Timestamp
    updated_at: Timestamp
    closed_at: Timestamp | None = None
    close_reason: str | None = None
    alerts: tuple[Alert, ...] = ()
    matches: tuple[Match, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    diagnosis: Diagnosis | None = None
    plan: Plan | None = None
    decisions: tuple[Decision, ...] = ()
    related_to: str | None = None
    pattern_id: str | None = None


def open_incident(fact: Fact) -> Incident:
    """The incident its first fact opens. Raises `InvalidInput` for any other fact."""
    if not isinstance(fact, facts.IncidentOpened):
        raise InvalidInput(f"the first fact of incident {fact.incident_id} is {fact.type}, not IncidentOpened")
    return Incident(
        id=fact.incident_id,
        group_id=fact.group_id,
        title=fact.title,
        severity=fact.severity,
        namespace=fact.namespace,
        service=fact.service,
        status="triaging",
        phase="START",
        opened_at=fact.at,
        updated_at=fact.at,
        alerts=fact.alerts,
    )


def applied(incident: Incident, fact: Fact) -> Incident:
    """The incident after one more fact."""
    return incident.model_copy(update={"updated_at": fact.at, **_changes(incident, fact)})


def project(history: Iterable[Fact]) -> Incident:
    """Fold a whole history. Raises `InvalidInput` if it is empty or does not begin with `IncidentOpened`."""
    ordered = iter(history)
    first = next(ordered, None)
    if first is None:
        raise InvalidInput("an incident has at least one fact")
    incident = open_incident(first)
    for fact in ordered:
        incident = applied(incident, fact)
    return incident


def _changes(incident: Incident, fact: Fact) -> dict[str, object]:  # noqa: C901, PLR0911, PLR0912 - one case a fact
    match fact:
        case facts.AlertsUpdated():
            return {"alerts": fact.alerts}
        case facts.PatternLookupCompleted():
            return {"phase": "PATTERN_LOOKUP", "matches": fact.matches, "pattern_id": fact.known_pattern}
        case facts.EvidenceCollected():
            known = {item.id for item in incident.evidence}
            new = tuple(item for item in fact.evidence if item.id not in known)
            return {"phase": "TRIAGE", "evidence": incident.evidence + new}
        case facts.TriagePhaseCompleted():
            return {"phase": "TRIAGE", "diagnosis": fact.diagnosis}
        case facts.IncidentLinked():
            return {"related_to": fact.other_incident}
        case facts.RemediationProposed():
            return {"phase": "REMEDIATION", "status": "awaiting_approval", "plan": fact.plan}
        case facts.DecisionRecorded():
            update: dict[str, object] = {"decisions": (*incident.decisions, fact.decision)}
            return {**update, "status": "executing"} if fact.outcome == "approved" else update
        case facts.PlanVoided():
            return {"status": "triaging"}
        case facts.RemediationApplied() | facts.RemediationFailed() | facts.RemediationRolledBack():
            return {"status": "executing"}
        case facts.VerificationStarted():
            return {"phase": "VERIFICATION", "status": "verifying"}
        case facts.DocumentationRequested():
            return {"phase": "DOCUMENTATION"}
        case facts.IncidentClosed():
            return {"phase": "END", "status": fact.status, "closed_at": fact.at, "close_reason": fact.reason}
        case _:
            return {}
