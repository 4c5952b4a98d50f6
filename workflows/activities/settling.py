"""Waiting until a write has taken its course: a rollout, or an Argo CD operation."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import activity

from domain.actions import RollbackApplication, SyncApplication
from domain.errors import Misconfigured, UpstreamRejected
from domain.objects import WorkloadRef
from tools.argocd.read import ArgoReader
from tools.http import NOT_ALLOWED
from tools.kubernetes.read import KubernetesReader
from workflows.messages import SettleInput, SettleResult

POLL_SECONDS = 1.0
PATIENCE_SECONDS = 240.0
REFUSED_SECONDS = 30.0
"""An API server that has just come back refuses what it allows a moment later, when it has read its roles. So long a
refusal is not believed: the write was made already, and what came of it should be known."""
FINISHED = {"Succeeded", "Failed", "Error"}
StateT = TypeVar("StateT")


class Settling:
    """Polls with heartbeats, for four minutes at most; not settled in time is a result, not an error."""

    def __init__(
        self, kubernetes: KubernetesReader | None, argocd: ArgoReader | None, *, refused: float = REFUSED_SECONDS
    ) -> None:
        self._kubernetes = kubernetes
        self._argocd = argocd
        self._refused = refused

    @activity.defn(name="RolloutStatus")
    async def settle(self, request: SettleInput) -> SettleResult:
        """Wait for the action's object to come to rest."""
        action = request.planned.action
        if isinstance(action, SyncApplication | RollbackApplication):
            return await self._application(action.application)
        return await self._workload(action.workload)

    async def _workload(self, ref: WorkloadRef) -> SettleResult:
        kubernetes = self._kubernetes
        if kubernetes is None:
            raise Misconfigured("Kubernetes is not configured: set TRIAGE_KUBERNETES__KUBECONFIG")
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            state = (await self._allowed(lambda: kubernetes.workload(ref))).value
            late = asyncio.get_running_loop().time() >= deadline
            if state.rolled_out or late:
                return SettleResult(settled=state.rolled_out, detail=state.message, after=state.precondition)
            await self._pause(state.message)

    async def _application(self, name: str) -> SettleResult:
        argocd = self._argocd
        if argocd is None:
            raise Misconfigured("Argo CD is not configured: set TRIAGE_ARGOCD__URL")
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            state = (await self._allowed(lambda: argocd.application(name))).value
            finished = state.operation_phase in FINISHED and state.entry.health != "Progressing"
            detail = f"operation {state.operation_phase or 'none'}, health {state.entry.health}"
            if finished or asyncio.get_running_loop().time() >= deadline:
                return SettleResult(settled=finished, detail=detail, after=state.precondition)
            await self._pause(detail)

    async def _allowed(self, read: Callable[[], Awaitable[StateT]]) -> StateT:
        deadline = asyncio.get_running_loop().time() + self._refused
        while True:
            try:
                return await read()
            except UpstreamRejected as exc:
                if exc.status not in NOT_ALLOWED or asyncio.get_running_loop().time() >= deadline:
                    raise
                await self._pause(str(exc))

    async def _pause(self, detail: str) -> None:
        activity.heartbeat(detail)
        await asyncio.sleep(POLL_SECONDS)
