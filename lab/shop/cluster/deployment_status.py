"""A Deployment's status: the counts and the conditions Available and Progressing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from lab.shop.cluster.objects import Manifest, StoredObject, items, number, timestamp
from lab.shop.cluster.views import Condition, DeploymentSpec

_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")


def deployment_status(
    deployment: StoredObject, new: StoredObject, sets: Sequence[StoredObject], now: datetime
) -> Manifest:
    """`apps/v1.DeploymentStatus`; counts of 0 are left out, as the real one does."""
    spec = deployment.spec_as(DeploymentSpec)
    total = sum(number(each.status, "replicas") for each in sets)
    available = sum(number(each.status, "availableReplicas") for each in sets)
    counts = {
        "replicas": total,
        "updatedReplicas": number(new.status, "replicas"),
        "readyReplicas": sum(number(each.status, "readyReplicas") for each in sets),
        "availableReplicas": available,
        "unavailableReplicas": max(0, sum(map(_wanted, sets)) - available),
    }
    before = {condition.type: condition for condition in _conditions(deployment)}
    conditions = [
        _turned(_available(available >= spec.replicas - spec.max_unavailable), before.get("Available"), now),
        _progressing(deployment, new.name, counts, before.get("Progressing"), now),
    ]
    status: Manifest = {"observedGeneration": deployment.generation}
    status |= {key: value for key, value in counts.items() if value}
    return {**status, "conditions": [_manifest(condition) for condition in conditions]}


@dataclass(frozen=True)
class _Wanted:
    type: str
    status: str
    reason: str
    message: str


def _wanted(replica_set: StoredObject) -> int:
    return number(replica_set.spec, "replicas")


def _conditions(deployment: StoredObject) -> list[Condition]:
    return [Condition.model_validate(entry) for entry in items(deployment.status, "conditions")]


def _manifest(condition: Condition) -> Manifest:
    return {
        "type": condition.type,
        "status": condition.status,
        "lastUpdateTime": timestamp(condition.last_update_time),
        "lastTransitionTime": timestamp(condition.last_transition_time),
        "reason": condition.reason,
        "message": condition.message,
    }


def _available(holds: bool) -> _Wanted:
    reason = "MinimumReplicasAvailable" if holds else "MinimumReplicasUnavailable"
    message = f"Deployment {'has' if holds else 'does not have'} minimum availability."
    return _Wanted("Available", str(holds), reason, message)


def _turned(wanted: _Wanted, before: Condition | None, now: datetime, *, moved: bool = False) -> Condition:
    """The condition as wanted; its times change when it turned, or (the update time only) when something moved."""
    since = before.last_transition_time if before and before.status == wanted.status else now
    if before and not moved and (before.status, before.message) == (wanted.status, wanted.message):
        return before
    times = {"lastUpdateTime": now, "lastTransitionTime": since}
    return Condition.model_validate({**asdict(wanted), **times})


def _progressing(
    deployment: StoredObject, new: str, counts: dict[str, int], before: Condition | None, now: datetime
) -> Condition:
    spec = deployment.spec_as(DeploymentSpec)
    if counts["updatedReplicas"] == counts["replicas"] == counts["availableReplicas"] == spec.replicas:
        message = f'ReplicaSet "{new}" has successfully progressed.'
        return _turned(_Wanted("Progressing", "True", "NewReplicaSetAvailable", message), before, now)
    if before is not None and before.reason == "NewReplicaSetAvailable" and new in before.message:
        # A rollout that once completed stays so: pods that fail later are a matter of availability.
        return before
    moved = any(number(deployment.status, key) != counts[key] for key in _COUNTS)
    if before is None or moved or new not in before.message:
        wanted = _Wanted("Progressing", "True", "ReplicaSetUpdated", f'ReplicaSet "{new}" is progressing.')
        return _turned(wanted, before, now, moved=True)
    if now - before.last_update_time > timedelta(seconds=spec.progress_deadline_seconds):
        message = f'ReplicaSet "{new}" has timed out progressing.'
        return _turned(_Wanted("Progressing", "False", "ProgressDeadlineExceeded", message), before, now)
    return before
