"""Small true-to-life values: an alert, a webhook, and the facts of an incident up to its plan."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from domain import facts
from domain.actions import RollbackApplication, SyncApplication
from domain.alerts import Alert, Webhook
from domain.checks import RolloutCheck
from domain.diagnosis import Diagnosis, RankedCause
from domain.evidence import Citation, Claim, Evidence, Observation
from domain.facts import Fact
from domain.learning import Match
from domain.objects import ObjectRef, WorkloadRef
from domain.plans import ApplicationPrecondition, Plan, PlannedAction, PredictedEffect

OPENED = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def alert_payload(**changes: Any) -> dict[str, Any]:
    """One alert as Alertmanager sends it; `changes` replace fields."""
    labels = {"alertname": "HighErrorRate", "namespace": "shop", "service": "checkout", "severity": "critical"}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "5 % of requests fail"},
        "startsAt": "2026-01-31T09:30:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "f1",
    } | changes


def webhook_payload(*alerts: dict[str, Any], group: str = "g1", **changes: Any) -> dict[str, Any]:
    """A webhook around those alerts, one by default."""
    return {
        "version": "4",
        "groupKey": group,
        "status": "firing",
        "receiver": "triagent",
        "groupLabels": {"alertname": "HighErrorRate"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "alerts": list(alerts) or [alert_payload()],
    } | changes


def webhook(*alerts: dict[str, Any], group: str = "g1") -> Webhook:
    """The same, read."""
    return Webhook.model_validate_json(json.dumps(webhook_payload(*alerts, group=group)))


def alert(**changes: Any) -> Alert:
    """One alert, read."""
    return Alert.model_validate(alert_payload(**changes))


def opened(incident_id: str = "i-1", **changes: Any) -> facts.IncidentOpened:
    """The fact that opens an incident."""
    fact = facts.IncidentOpened(
        id=f"{incident_id}/opened",
        incident_id=incident_id,
        at=OPENED,
        title="HighErrorRate on checkout",
        severity="critical",
        namespace="shop",
        service="checkout",
        alerts=(alert(),),
        group_id="0123456789abcdef",
    )
    return fact.model_copy(update=changes)


def evidence() -> Evidence:
    """A look at the error ratio."""
    return Evidence(
        id="e-0123456789",
        kind="metric",
        source="prometheus",
        query="error_ratio",
        summary="error ratio of checkout is 0.21",
        digest="ab" * 32,
        observations=(Observation(key="checkout error_ratio", value=0.21),),
        collected_at=OPENED,
    )


def diagnosis() -> Diagnosis:
    """A release went bad."""
    claim = Claim(
        text="checkout fails 21 % of requests",
        citations=(Citation(evidence="e-0123456789", key="checkout error_ratio", value=0.21),),
    )
    where = ObjectRef(kind="deployment", name="checkout", namespace="shop")
    return Diagnosis(
        summary="the release of checkout went bad",
        confidence=0.9,
        planner="offline",
        causes=(RankedCause(cause="bad_release", object=where, confidence=0.9, claims=(claim,)),),
    )


def plan(incident_id: str = "i-1", *, version: int = 1, expires_in: timedelta = timedelta(days=36500)) -> Plan:
    """Roll the application back."""
    action = RollbackApplication(application="checkout", history_id=3, revision="abc123")
    planned = PlannedAction(
        action=action,
        risk="medium",
        precondition=ApplicationPrecondition(
            uid="u1",
            deployed_revision="def456",
            last_history_id=4,
            target_revision="main",
            auto_sync=False,
        ),
        predicted_effect=PredictedEffect(summary="image goes back", diff="-image: 2\n+image: 1"),
        inverse=SyncApplication(application="checkout", revision="def456"),
    )
    return Plan(
        incident_id=incident_id,
        version=version,
        actions=(planned,),
        checks=(RolloutCheck(workload=WorkloadRef(namespace="shop", name="checkout")),),
        rationale="it began with this release",
        evidence_digests=("ab" * 32,),
        proposed_by="offline",
        created_at=OPENED + timedelta(seconds=30),
        expires_at=OPENED + expires_in,
    )


def proposed(what: Plan, *, quorum: int = 1, seconds: float = 30) -> facts.RemediationProposed:
    """The fact that puts a plan before people."""
    return facts.RemediationProposed(
        id=f"{what.incident_id}/proposed/{what.version}",
        incident_id=what.incident_id,
        at=OPENED + timedelta(seconds=seconds),
        plan=what,
        digest=what.digest,
        quorum=quorum,
        roles=("approver", "admin"),
    )


def until_plan(incident_id: str = "i-1", *, quorum: int = 1) -> tuple[Fact, ...]:
    """Every fact from the opening to a plan under review."""

    def at(seconds: float) -> datetime:
        return OPENED + timedelta(seconds=seconds)

    match = Match(kind="runbook", doc_id="bad-release", title="Bad release", score=3.0, confidence=0.4, known=False)
    return (
        opened(incident_id),
        facts.PatternLookupCompleted(id=f"{incident_id}/lookup", incident_id=incident_id, at=at(1), matches=(match,)),
        facts.EvidenceCollected(
            id=f"{incident_id}/e1",
            incident_id=incident_id,
            at=at(5),
            tool="query_prometheus",
            evidence=(evidence(),),
            seconds=0.12,
        ),
        facts.TriagePhaseCompleted(
            id=f"{incident_id}/triaged", incident_id=incident_id, at=at(20), diagnosis=diagnosis()
        ),
        proposed(plan(incident_id), quorum=quorum),
    )


def closed(incident_id: str = "i-1", *, status: facts.IncidentStatus = "resolved", seconds: float = 600) -> Fact:
    """The last fact."""
    return facts.IncidentClosed(
        id=f"{incident_id}/closed",
        incident_id=incident_id,
        at=OPENED + timedelta(seconds=seconds),
        status=status,
        reason="checks held",
    )
