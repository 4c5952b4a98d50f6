"""Waiting until a write has taken its course: a rollout, or an Argo CD operation."""

import asyncio

from temporalio import activity

from domain.actions import RollbackApplication, SyncApplication
from domain.errors import Misconfigured
from domain.objects import WorkloadRef
from tools.argocd.read import ArgoReader
from tools.kubernetes.read import KubernetesReader
from workflows.messages import SettleInput, SettleResult

POLL_SECONDS = 1.0
FINISHED = {"Succeeded", "Failed", "Error"}


class Settling:
    """Polls with heartbeats, for `patience` seconds at most; not settled in time is a result, not an error."""

    def __init__(
        self, kubernetes: KubernetesReader | None, argocd: ArgoReader | None, *, patience: float = 240.0
    ) -> None:
        self._kubernetes = kubernetes
        self._argocd = argocd
        self._patience = patience

    @activity.defn(name="RolloutStatus")
    async def settle(self, request: SettleInput) -> SettleResult:
        """Wait for the action's object to come to rest."""
        action = request.planned.action
        if isinstance(action, SyncApplication | RollbackApplication):
            return await self._application(action.application)
        return await self._workload(action.workload)

    async def _workload(self, ref: WorkloadRef) -> SettleResult:
        if self._kubernetes is None:
            raise Misconfigured("Kubernetes is not configured: set TRIAGE_KUBERNETES__KUBECONFIG")
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            state = (await self._kubernetes.workload(ref)).value
            late = asyncio.get_running_loop().time() >= deadline
            if state.rolled_out or late:
                return SettleResult(settled=state.rolled_out, detail=state.message, after=state.precondition)
            await self._pause(state.message)

    async def _application(self, name: str) -> SettleResult:
        if self._argocd is None:
            raise Misconfigured("Argo CD is not configured: set TRIAGE_ARGOCD__URL")
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            state = (await self._argocd.application(name)).value
            finished = state.operation_phase in FINISHED and state.entry.health != "Progressing"
            detail = f"operation {state.operation_phase or 'none'}, health {state.entry.health}"
            if finished or asyncio.get_running_loop().time() >= deadline:
                return SettleResult(settled=finished, detail=detail, after=state.precondition)
            await self._pause(detail)

    async def _pause(self, detail: str) -> None:
        activity.heartbeat(detail)
        await asyncio.sleep(POLL_SECONDS)
