"""Health of live resources by Argo CD's built-in checks.

Source: https://argo-cd.readthedocs.io/en/release-3.1/operator-manual/health/
"""

from collections.abc import Iterable

from lab.shop.argocd.models import Health, HealthStatus
from lab.shop.cluster.kinds import DEPLOYMENT, POD, STATEFUL_SET
from lab.shop.cluster.objects import StoredObject, items, number, section, text
from lab.shop.cluster.replica_sets import is_ready

_WORST_FIRST: tuple[HealthStatus, ...] = ("Degraded", "Missing", "Progressing", "Suspended", "Unknown", "Healthy")
_BROKEN = {"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError"}


def health_of(stored: StoredObject) -> Health | None:
    """The resource's health; None for kinds that have none."""
    if stored.kind is DEPLOYMENT:
        return _deployment(stored)
    if stored.kind is STATEFUL_SET:
        return _stateful_set(stored)
    if stored.kind is POD:
        return _pod(stored)
    return Health(status="Healthy") if stored.kind.plural in {"services", "replicasets"} else None


def worst(healths: Iterable[Health | None]) -> Health:
    """The health of the whole: that of the worst part, without its message."""
    found = {health.status for health in healths if health}
    return next((Health(status=status) for status in _WORST_FIRST if status in found), Health(status="Healthy"))


def _deployment(stored: StoredObject) -> Health:
    if stored.spec.get("paused"):
        return Health(status="Suspended", message="Deployment is paused")
    if any(text(entry, "reason") == "ProgressDeadlineExceeded" for entry in items(stored.status, "conditions")):
        return Health(status="Degraded", message=f'Deployment "{stored.name}" exceeded its progress deadline')
    missing = _unfinished(stored)
    if missing:
        return Health(status="Progressing", message=f"Waiting for rollout to finish: {missing}")
    return Health(status="Healthy")


def _unfinished(stored: StoredObject) -> str:
    """What a rollout still waits for, empty when it is complete."""
    status, wanted = stored.status, number(stored.spec, "replicas")
    updated, available = number(status, "updatedReplicas"), number(status, "availableReplicas")
    if stored.generation > number(status, "observedGeneration"):
        return "observed deployment generation less than desired generation"
    if updated < wanted:
        return f"{updated} out of {wanted} new replicas have been updated..."
    if number(status, "replicas") > updated:
        return f"{number(status, 'replicas') - updated} old replicas are pending termination..."
    return f"{available} of {updated} updated replicas are available..." if available < updated else ""


def _stateful_set(stored: StoredObject) -> Health:
    status, wanted = stored.status, number(stored.spec, "replicas")
    ready, updated = number(status, "readyReplicas"), number(status, "updatedReplicas")
    if ready < wanted:
        return Health(status="Progressing", message=f"Waiting for {wanted - ready} pods to be ready...")
    if updated < wanted:
        return Health(status="Progressing", message=f"waiting for statefulset rolling update: {updated} of {wanted}")
    return Health(status="Healthy", message=f"partitioned roll out complete: {updated} new pods have been updated...")


def _pod(stored: StoredObject) -> Health:
    for container in items(stored.status, "containerStatuses"):
        waiting = section(container, "state", "waiting")
        if text(waiting, "reason") in _BROKEN:
            return Health(status="Degraded", message=text(waiting, "message"))
    return Health(status="Healthy" if is_ready(stored) else "Progressing")
