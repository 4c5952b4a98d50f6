"""What a sync or a rollback would deploy, by comparing manifests. Nothing is sent but reads.

Argo CD's own dry run is an operation on the application: it would hide the state of the last real one.
"""

import asyncio
from urllib.parse import quote

from domain.actions import RollbackApplication, SyncApplication, describe
from domain.errors import InvalidPlan, Misconfigured, UpstreamRejected
from domain.plans import PredictedEffect
from tools.argocd.manifests import changes
from tools.argocd.models import ApplicationState
from tools.argocd.read import ArgoReader, live_application
from tools.argocd.wire import CAN_I
from tools.differences import capped
from tools.http import NOT_ALLOWED, Endpoint

DIFF_LIMIT = 8000


class ArgoPreview:
    """Previews the two actions on applications, and asks whether the write identity may carry them out."""

    def __init__(self, reader: ArgoReader, write: Endpoint) -> None:
        self.reader = reader
        self.write = write

    async def preview(self, action: SyncApplication | RollbackApplication) -> PredictedEffect:
        """The manifests at the wanted revision against those that are deployed now.

        Raises `NotFound` for an application that is not there, `Misconfigured` where the write identity may not make
        the change, `InvalidPlan` for a rollback to what is deployed already, or an `UpstreamError`, such as for a
        revision that cannot be rendered.
        """
        await self._refuse_forbidden(action)
        state = (await self.reader.application(action.application)).value
        deployed = state.precondition.deployed_revision or None
        before, after = await asyncio.gather(
            self.reader.manifests(action.application, deployed),
            self.reader.manifests(action.application, action.revision),
        )
        labels = (f"deployed {(deployed or '')[:12]}", f"wanted {action.revision[:12]}")
        diff, objects, count = changes(before.value, after.value, labels)
        if isinstance(action, RollbackApplication) and not count:
            raise InvalidPlan((f"{describe(action)}: its manifests are those that are deployed, nothing would change",))
        return PredictedEffect(
            summary=_summary(action, objects, count),
            diff=capped(diff, DIFF_LIMIT),
            blast_radius=_blast_radius(state),
            dry_run="computed",
        )

    async def _refuse_forbidden(self, action: SyncApplication | RollbackApplication) -> None:
        """A rollback is a sync to Argo CD's RBAC."""
        try:
            live = await live_application(self.write, action.application)
            place = f"{quote(live.spec.project, safe='')}/{quote(action.application, safe='')}"
            answer = await self.write.get(f"/api/v1/account/can-i/applications/sync/{place}")
        except UpstreamRejected as exc:
            if exc.status in NOT_ALLOWED:
                raise Misconfigured(f"the write identity may not {describe(action)}: {exc}") from exc
            raise
        if self.write.parsed(CAN_I, answer).value != "yes":
            raise Misconfigured(
                f"the write identity may not {describe(action)}: "
                f"its Argo CD account needs `applications, sync, {live.spec.project}/{action.application}`"
            )


def _summary(action: SyncApplication | RollbackApplication, objects: str, count: int) -> str:
    if not count:
        return f"{describe(action)}: the manifests are those that are deployed; only drift of live objects is undone"
    return f"{describe(action)}: changes {count} objects: {objects}"[:1000]


def _blast_radius(state: ApplicationState) -> tuple[str, ...]:
    workloads = [item for item in state.resources if item.kind in {"Deployment", "StatefulSet", "DaemonSet"}]
    lines = [f"{item.kind.lower()}/{item.name} in {item.namespace}" for item in workloads]
    if state.entry.auto_sync:
        lines.append(f"auto-sync is on: Argo CD goes back to {state.entry.target_revision} by itself")
    return tuple(lines)
