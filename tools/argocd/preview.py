"""What a sync or a rollback would deploy, by comparing manifests. Nothing is sent but reads.

Argo CD's own dry run is an operation on the application: it would hide the state of the last real one.
"""

import asyncio

from domain.actions import RollbackApplication, SyncApplication, describe
from domain.plans import PredictedEffect
from tools.argocd.manifests import changes
from tools.argocd.models import ApplicationState
from tools.argocd.read import ArgoReader
from tools.differences import capped

DIFF_LIMIT = 8000


class ArgoPreview:
    """Previews the two actions on applications."""

    def __init__(self, reader: ArgoReader) -> None:
        self.reader = reader

    async def preview(self, action: SyncApplication | RollbackApplication) -> PredictedEffect:
        """The manifests at the wanted revision against those that are deployed now.

        Raises `NotFound` for an application that is not there, or an `UpstreamError`, such as for a revision that
        cannot be rendered.
        """
        state = (await self.reader.application(action.application)).value
        deployed = state.precondition.deployed_revision or None
        before, after = await asyncio.gather(
            self.reader.manifests(action.application, deployed),
            self.reader.manifests(action.application, action.revision),
        )
        labels = (f"deployed {(deployed or '')[:12]}", f"wanted {action.revision[:12]}")
        diff, objects, count = changes(before.value, after.value, labels)
        return PredictedEffect(
            summary=_summary(action, objects, count),
            diff=capped(diff, DIFF_LIMIT),
            blast_radius=_blast_radius(state),
            dry_run="computed",
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
