"""What a change of a workload would do, by asking the API server for a dry run of it."""

from datetime import UTC, datetime

from pydantic import JsonValue

from domain.actions import ScaleWorkload, describe
from domain.errors import Misconfigured, NotFound, UpstreamRejected
from domain.plans import PredictedEffect
from domain.redaction import redact_object
from tools.differences import capped, unified
from tools.documents import JsonObject, child
from tools.http import NOT_ALLOWED, Endpoint
from tools.kubernetes.changes import FIELD_MANAGER, STRATEGIC_MERGE, WorkloadAction, patch_for, time_stamp
from tools.kubernetes.kinds import WORKLOADS
from tools.kubernetes.workloads import WORKLOAD, Workload

DIFF_LIMIT = 8000
_DRY_RUN = {"dryRun": "All", "fieldManager": FIELD_MANAGER}


class KubernetesPreview:
    """Previews with `dryRun=All` on every patch: admission and defaulting run, nothing is stored.

    The identity is the one that will write, so what it may not do is known before anybody is asked to approve it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def preview(self, action: WorkloadAction) -> PredictedEffect:
        """The effect of `action` on the live object.

        Raises `NotFound` for a workload or revision that is not there, `InvalidPlan`, `Misconfigured` where the write
        identity may not make the change, or an `UpstreamError`.
        """
        ref = action.workload
        path = WORKLOADS[ref.kind].path(ref.namespace, ref.name)
        before = await self._live(path, action)
        workload = self.endpoint.parsed(WORKLOAD, before)
        patch = await patch_for(self.endpoint.get, action, workload, time_stamp(datetime.now(UTC)))
        after = await self._dry_run(path, patch, action)
        diff = unified(
            redact_object(child(before, "spec")), redact_object(child(after, "spec")), labels=("live", "after")
        )
        return PredictedEffect(
            summary=_summary(action, workload, changes=bool(diff)),
            diff=capped(diff, DIFF_LIMIT),
            blast_radius=_blast_radius(action, workload),
            dry_run="server",
        )

    async def _live(self, path: str, action: WorkloadAction) -> JsonValue:
        try:
            return await self.endpoint.get(path)
        except UpstreamRejected as exc:
            if exc.status == 404:
                raise NotFound(f"{action.workload} in {action.workload.namespace} does not exist") from exc
            _refuse_forbidden(action, exc)
            raise

    async def _dry_run(self, path: str, patch: JsonObject, action: WorkloadAction) -> JsonValue:
        try:
            return await self.endpoint.patch(path, patch, STRATEGIC_MERGE, _DRY_RUN)
        except UpstreamRejected as exc:
            _refuse_forbidden(action, exc)
            raise


def _refuse_forbidden(action: WorkloadAction, exc: UpstreamRejected) -> None:
    """Raise `Misconfigured` for what the API server would refuse again after the approval."""
    if exc.status in NOT_ALLOWED:
        raise Misconfigured(f"the write identity may not {describe(action)}: {exc}") from exc


def _summary(action: WorkloadAction, workload: Workload, *, changes: bool) -> str:
    if not changes:
        return f"{describe(action)}: changes nothing, the workload is already like that"
    if isinstance(action, ScaleWorkload):
        return f"{describe(action)}, from {workload.replicas(action.workload.kind)}"
    return f"{describe(action)}: replaces {workload.replicas(action.workload.kind)} pods by a rolling update"


def _blast_radius(action: WorkloadAction, workload: Workload) -> tuple[str, ...]:
    ref = action.workload
    pods = workload.replicas(ref.kind)
    lines = [f"{pods} pods of {ref} in {ref.namespace}"]
    if isinstance(action, ScaleWorkload):
        lines = [f"pods of {ref} in {ref.namespace}: {pods} → {action.replicas}"]
    if workload.application:
        lines.append(f"application/{workload.application} tracks it: a sync, or self-heal, puts back what Git says")
    return tuple(lines)
