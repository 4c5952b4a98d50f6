"""What happened, one immutable fact a transition. Workflows emit them; projections are built from them."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from domain.alerts import Alert
from domain.approvals import Decision
from domain.checks import CheckResult
from domain.diagnosis import Diagnosis
from domain.evidence import Evidence
from domain.learning import Match
from domain.model import Model, Timestamp
from domain.plans import Plan

IncidentStatus = Literal[
    "triaging",
    "awaiting_approval",
    "executing",
    "verifying",
    "resolved",
    "rejected",
    "expired",
    "escalated",
    "cancelled",
    "no_action",
]
FINAL: frozenset[IncidentStatus] = frozenset({"resolved", "rejected", "expired", "escalated", "cancelled", "no_action"})
WITH_HUMANS: frozenset[IncidentStatus] = frozenset({"escalated", "rejected"})
"""How an incident ended whose cause people now have in hand."""
Phase = Literal["START", "PATTERN_LOOKUP", "TRIAGE", "REMEDIATION", "VERIFICATION", "DOCUMENTATION", "END"]


class _Fact(Model):
    """`id` is unique and stable over retries: appending a fact twice keeps one."""

    id: str
    incident_id: str
    at: Timestamp


class IncidentOpened(_Fact):
    type: Literal["IncidentOpened"] = "IncidentOpened"
    title: str
    severity: str
    namespace: str | None
    service: str | None
    alerts: tuple[Alert, ...]
    group_id: str


class AlertsUpdated(_Fact):
    """The whole list as it now stands."""

    type: Literal["AlertsUpdated"] = "AlertsUpdated"
    alerts: tuple[Alert, ...]


class PatternLookupCompleted(_Fact):
    type: Literal["PatternLookupCompleted"] = "PatternLookupCompleted"
    matches: tuple[Match, ...]
    known_pattern: str | None = None
    unavailable: str | None = None


class PatternRechecked(_Fact):
    """Whether a known pattern's cause still shows in live evidence."""

    type: Literal["PatternRechecked"] = "PatternRechecked"
    pattern_id: str
    confirmed: bool
    reason: str


class EvidenceCollected(_Fact):
    type: Literal["EvidenceCollected"] = "EvidenceCollected"
    tool: str
    evidence: tuple[Evidence, ...]
    seconds: float = 0.0


class PlannerFellBack(_Fact):
    """The investigation went on with another planner, and stays with it."""

    type: Literal["PlannerFellBack"] = "PlannerFellBack"
    from_planner: str
    to_planner: str
    reason: str


class TriagePhaseCompleted(_Fact):
    type: Literal["TriagePhaseCompleted"] = "TriagePhaseCompleted"
    diagnosis: Diagnosis


class IncidentLinked(_Fact):
    """Another incident already deals with the same cause."""

    type: Literal["IncidentLinked"] = "IncidentLinked"
    other_incident: str


class RemediationProposed(_Fact):
    type: Literal["RemediationProposed"] = "RemediationProposed"
    plan: Plan
    digest: str
    quorum: int
    roles: tuple[str, ...]


class DecisionRecorded(_Fact):
    type: Literal["DecisionRecorded"] = "DecisionRecorded"
    decision: Decision
    outcome: str


class PlanVoided(_Fact):
    """The plan no longer stands (drift, or a modification): nothing of it was written."""

    type: Literal["PlanVoided"] = "PlanVoided"
    digest: str
    reason: str


class RemediationApplied(_Fact):
    type: Literal["RemediationApplied"] = "RemediationApplied"
    action: str
    target: str
    detail: str


class RemediationFailed(_Fact):
    type: Literal["RemediationFailed"] = "RemediationFailed"
    action: str
    target: str
    reason: str


class VerificationStarted(_Fact):
    type: Literal["VerificationStarted"] = "VerificationStarted"
    checks: tuple[str, ...]
    soak_seconds: float


class VerificationCompleted(_Fact):
    type: Literal["VerificationCompleted"] = "VerificationCompleted"
    passed: bool
    results: tuple[CheckResult, ...]


class RemediationRolledBack(_Fact):
    type: Literal["RemediationRolledBack"] = "RemediationRolledBack"
    action: str
    target: str
    succeeded: bool
    detail: str


class IncidentEscalated(_Fact):
    """A human was called (or could not be: `paged` is False and `detail` says why)."""

    type: Literal["IncidentEscalated"] = "IncidentEscalated"
    reason: str
    paged: bool
    detail: str = ""


class DocumentationRequested(_Fact):
    type: Literal["DocumentationRequested"] = "DocumentationRequested"


class DocumentationCompleted(_Fact):
    type: Literal["DocumentationCompleted"] = "DocumentationCompleted"
    backlog_item: str
    pattern_id: str | None


class IncidentClosed(_Fact):
    type: Literal["IncidentClosed"] = "IncidentClosed"
    status: IncidentStatus
    reason: str


Fact = Annotated[
    IncidentOpened
    | AlertsUpdated
    | PatternLookupCompleted
    | PatternRechecked
    | EvidenceCollected
    | PlannerFellBack
    | TriagePhaseCompleted
    | IncidentLinked
    | RemediationProposed
    | DecisionRecorded
    | PlanVoided
    | RemediationApplied
    | RemediationFailed
    | VerificationStarted
    | VerificationCompleted
    | RemediationRolledBack
    | IncidentEscalated
    | DocumentationRequested
    | DocumentationCompleted
    | IncidentClosed,
    Field(discriminator="type"),
]
FACT: TypeAdapter[Fact] = TypeAdapter(Fact)
