"""An action as one strategic merge patch, the same for the dry run and for the change itself."""

from datetime import UTC, datetime

from domain.actions import RestartWorkload, ScaleWorkload, UndoRollout
from domain.errors import InvalidPlan, NotFound
from tools.documents import JsonObject
from tools.kubernetes.history import Get, stored_revisions
from tools.kubernetes.workloads import Workload

WorkloadAction = RestartWorkload | ScaleWorkload | UndoRollout
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
STRATEGIC_MERGE = "application/strategic-merge-patch+json"
FIELD_MANAGER = "triagent"


def time_stamp(at: datetime) -> str:
    """A time as `kubectl rollout restart` writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def patch_for(get: Get, action: WorkloadAction, workload: Workload, stamp: str) -> JsonObject:
    """What to send: `spec` only. `stamp` is what a restart writes into the pod template, usually a time.

    Raises `InvalidPlan` for what Kubernetes has no meaning for, `NotFound` if the revision is no longer kept.
    """
    _refuse_meaningless(action, workload)
    match action:
        case ScaleWorkload():
            return {"spec": {"replicas": action.replicas}}
        case RestartWorkload():
            return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp}}}}}
        case UndoRollout():
            return {"spec": {"template": {"$patch": "replace", **await _kept_template(get, action, workload)}}}


async def _kept_template(get: Get, action: UndoRollout, workload: Workload) -> JsonObject:
    revisions = await stored_revisions(get, action.workload, workload)
    kept = next((item for item in revisions if item.entry.number == action.to_revision), None)
    if kept is None:
        raise NotFound(f"{action.workload} no longer keeps rollout revision {action.to_revision}")
    return kept.template


def _refuse_meaningless(action: WorkloadAction, workload: Workload) -> None:
    if isinstance(action, ScaleWorkload) and action.workload.kind == "daemonset":
        raise InvalidPlan((f"{action.workload} runs one pod a node and cannot be scaled",))
    if not isinstance(action, ScaleWorkload) and workload.spec.paused:
        raise InvalidPlan((f"{action.workload} is paused; resume it first",))
