"""Waiting until a write has taken its course: a rollout, or an Argo CD operation."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import activity

from domain.actions import RollbackApplication, SyncApplication
from domain.errors import Misconfigured, UpstreamRejected
from domain.objects import WorkloadRef
from domain.plans import ApplicationPrecondition, Precondition
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
            return await self._application(action, request.planned.precondition)
        return await self._workload(action.workload, request.planned.precondition.uid, request.generation)

    async def _workload(self, ref: WorkloadRef, uid: str, generation: int | None) -> SettleResult:
        kubernetes = self._kubernetes
        if kubernetes is None:
            raise Misconfigured("Kubernetes is not configured: set TRIAGE_KUBERNETES__KUBECONFIG")
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            state = (await self._allowed(lambda: kubernetes.workload(ref))).value
            late = asyncio.get_running_loop().time() >= deadline
            if state.rolled_out or late:
                now = state.precondition
                ours = (now.uid, now.generation) == (uid, generation)
                return _result(state.rolled_out, state.message, now, ours=ours)
            await self._pause(state.message)

    async def _application(self, action: SyncApplication | RollbackApplication, before: Precondition) -> SettleResult:
        argocd = self._argocd
        if argocd is None:
            raise Misconfigured("Argo CD is not configured: set TRIAGE_ARGOCD__URL")
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            state = (await self._allowed(lambda: argocd.application(action.application))).value
            finished = state.operation_phase in FINISHED and state.entry.health != "Progressing"
            detail = f"operation {state.operation_phase or 'none'}, health {state.entry.health}"
            if finished or asyncio.get_running_loop().time() >= deadline:
                now = state.precondition
                return _result(finished, detail, now, ours=now in (before, _deployed(action, before)))
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


def _deployed(action: SyncApplication | RollbackApplication, before: Precondition) -> Precondition:
    """What the operation alone makes of `before`: one more entry of the history, at its revision."""
    if not isinstance(before, ApplicationPrecondition):
        return before
    entry = {"last_history_id": before.last_history_id + 1, "deployed_revision": action.revision}
    return before.model_copy(update=entry)


def _result(settled: bool, detail: str, now: Precondition, *, ours: bool) -> SettleResult:
    if ours:
        return SettleResult(settled=settled, detail=detail, after=now)
    return SettleResult(settled=settled, detail=f"{detail}; somebody else has changed it since our write", after=None)
