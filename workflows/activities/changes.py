"""The approved writes: one activity an external call, named as operators know them.

Only these activities may change a system. Each carries a precondition and a change id, so that any number of attempts
has exactly one effect.
"""

from temporalio import activity

from domain.actions import Action, RollbackApplication, SyncApplication
from domain.errors import Misconfigured
from domain.plans import ApplicationPrecondition, WorkloadPrecondition
from tools.argocd.write import ArgoWriter
from tools.kubernetes.write import KubernetesWriter
from workflows.messages import ApplyInput, ApplyResult

ACTIVITIES: dict[str, str] = {
    "restart_workload": "KubectlRolloutRestart",
    "scale_workload": "KubectlScale",
    "undo_rollout": "KubectlRolloutUndo",
    "sync_application": "ArgoSync",
    "rollback_application": "ArgoRollback",
}
"""Action type to activity name. Names are stored in histories: never rename."""


def activity_for(action: Action) -> str:
    """The activity that carries out this type of action."""
    return ACTIVITIES[action.type]


class WorkloadChanges:
    """Writes to workloads, for those that no Argo CD application tracks or where the plan says so."""

    def __init__(self, writer: KubernetesWriter | None) -> None:
        self._writer = writer

    @activity.defn(name="KubectlRolloutRestart")
    async def restart(self, request: ApplyInput) -> ApplyResult:
        """Restart a workload's pods."""
        return await self._apply(request)

    @activity.defn(name="KubectlScale")
    async def scale(self, request: ApplyInput) -> ApplyResult:
        """Set a workload's replicas."""
        return await self._apply(request)

    @activity.defn(name="KubectlRolloutUndo")
    async def undo(self, request: ApplyInput) -> ApplyResult:
        """Put an earlier pod template back."""
        return await self._apply(request)

    async def _apply(self, request: ApplyInput) -> ApplyResult:
        action, precondition = request.planned.action, request.precondition
        if self._writer is None:
            settings = "TRIAGE_KUBERNETES__WRITE_KUBECONFIG or TRIAGE_KUBERNETES__WRITE_CONTEXT"
            raise Misconfigured(f"no write identity for Kubernetes: set {settings}")
        if isinstance(action, SyncApplication | RollbackApplication) or not isinstance(
            precondition, WorkloadPrecondition
        ):
            raise Misconfigured(f"{action.type} is not a change of a workload")
        ordered = activity.info().scheduled_time  # the same on every attempt
        applied = await self._writer.apply(action, precondition, request.change_id, at=ordered)
        return ApplyResult(already=applied.already, detail=applied.detail, generation=applied.generation)


class ApplicationChanges:
    """Writes through Argo CD."""

    def __init__(self, writer: ArgoWriter | None) -> None:
        self._writer = writer

    @activity.defn(name="ArgoSync")
    async def sync(self, request: ApplyInput) -> ApplyResult:
        """Sync an application to a revision."""
        return await self._apply(request)

    @activity.defn(name="ArgoRollback")
    async def rollback(self, request: ApplyInput) -> ApplyResult:
        """Roll an application back to an entry of its history."""
        return await self._apply(request)

    async def _apply(self, request: ApplyInput) -> ApplyResult:
        action, precondition = request.planned.action, request.precondition
        if self._writer is None:
            raise Misconfigured("no write identity for Argo CD: set TRIAGE_ARGOCD__WRITE_TOKEN")
        if not isinstance(action, SyncApplication | RollbackApplication) or not isinstance(
            precondition, ApplicationPrecondition
        ):
            raise Misconfigured(f"{action.type} is not a change of an application")
        info = activity.info()
        ordered = info.scheduled_time  # the same on every attempt
        applied = await self._writer.apply(action, precondition, request.change_id, at=ordered, attempt=info.attempt)
        return ApplyResult(already=applied.already, detail=applied.detail)
