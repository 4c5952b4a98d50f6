"""Small domain values for tests, all with times in UTC."""

from datetime import UTC, datetime, timedelta

from domain.actions import Action, ScaleWorkload
from domain.alerts import Alert
from domain.approvals import Actor, Decision, DecisionKind
from domain.checks import RolloutCheck
from domain.objects import WorkloadRef
from domain.plans import Plan, PlannedAction, PredictedEffect, WorkloadPrecondition
from domain.policy import Role

NOW = datetime(2026, 1, 10, 9, 0, tzinfo=UTC)
CHECKOUT = WorkloadRef(namespace="shop", name="checkout")
BEFORE = WorkloadPrecondition(uid="u-1", generation=3, replicas=2, revision=4)


def alert(name: str = "HighErrorRatio", *, minutes: float = 0, status: str = "firing", **labels: str) -> Alert:
    """An alert that started `minutes` after NOW."""
    return Alert.model_validate(
        {
            "status": status,
            "labels": {"alertname": name, "namespace": "shop", "service": "checkout", **labels},
            "startsAt": (NOW + timedelta(minutes=minutes)).isoformat(),
        }
    )


def plan(action: Action | None = None, *, replicas: int = 4, version: int = 1) -> Plan:
    """A plan of one action, valid for an hour."""
    chosen = action or ScaleWorkload(workload=CHECKOUT, replicas=replicas)
    return Plan(
        incident_id="inc-1",
        version=version,
        actions=(
            PlannedAction(
                action=chosen,
                risk=chosen.base_risk,
                precondition=BEFORE,
                predicted_effect=PredictedEffect(summary="more replicas"),
                inverse=ScaleWorkload(workload=CHECKOUT, replicas=2),
            ),
        ),
        checks=(RolloutCheck(workload=CHECKOUT),),
        evidence_digests=("d1", "d2"),
        proposed_by="offline",
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )


def decision(
    of: Plan,
    kind: DecisionKind = "approve",
    *,
    by: str = "ana",
    roles: tuple[Role, ...] = ("approver",),
    minutes: float = 1,
    digest: str | None = None,
) -> Decision:
    """A decision about a plan, `minutes` after NOW."""
    return Decision(
        id=f"{by}-{kind}-{minutes}",
        kind=kind,
        actor=Actor(name=by, roles=roles),
        plan_digest=digest or of.digest,
        at=NOW + timedelta(minutes=minutes),
    )
