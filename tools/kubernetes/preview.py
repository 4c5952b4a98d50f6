"""What a change of a workload would do, by asking the API server for a dry run of it."""

from datetime import UTC, datetime

from pydantic import JsonValue

from domain.actions import ScaleWorkload, describe
from domain.errors import NotFound, UpstreamRejected
from domain.plans import PredictedEffect
from domain.redaction import redact_object
from tools.differences import capped, unified
from tools.documents import JsonObject, as_object, child
from tools.http import Endpoint
from tools.kubernetes.changes import FIELD_MANAGER, STRATEGIC_MERGE, WorkloadAction, patch_for, time_stamp
from tools.kubernetes.kinds import WORKLOADS
from tools.kubernetes.workloads import WORKLOAD, Workload

DIFF_LIMIT = 8000
_DRY_RUN = {"dryRun": "All", "fieldManager": FIELD_MANAGER}


class KubernetesPreview:
    """Previews with `dryRun=All` on every patch: admission and defaulting run, nothing is stored.

    Where the identity may not patch at all, the effect is computed from the live object instead, and says so.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def preview(self, action: WorkloadAction) -> PredictedEffect:
        """The effect of `action` on the live object.

        Raises `NotFound` for a workload or revision that is not there, `InvalidPlan`, or an `UpstreamError`, such as
        the refusal of an admission webhook.
        """
        ref = action.workload
        path = WORKLOADS[ref.kind].path(ref.namespace, ref.name)
        before = await self._live(path, action)
        workload = self.endpoint.parsed(WORKLOAD, before)
        patch = await patch_for(self.endpoint.get, action, workload, time_stamp(datetime.now(UTC)))
        after, by_server = await self._dry_run(path, before, patch)
        diff = unified(
            redact_object(child(before, "spec")), redact_object(child(after, "spec")), labels=("live", "after")
        )
        return PredictedEffect(
            summary=_summary(action, workload, changes=bool(diff)),
            diff=capped(diff, DIFF_LIMIT),
            blast_radius=_blast_radius(action, workload),
            dry_run="server" if by_server else "computed",
        )

    async def _live(self, path: str, action: WorkloadAction) -> JsonValue:
        try:
            return await self.endpoint.get(path)
        except UpstreamRejected as exc:
            if exc.status == 404:
                raise NotFound(f"{action.workload} in {action.workload.namespace} does not exist") from exc
            raise

    async def _dry_run(self, path: str, before: JsonValue, patch: JsonObject) -> tuple[JsonValue, bool]:
        try:
            return await self.endpoint.patch(path, patch, STRATEGIC_MERGE, _DRY_RUN), True
        except UpstreamRejected as exc:
            if exc.status == 403:
                return _merged(before, patch), False
            raise


def _merged(document: JsonValue, patch: JsonObject) -> JsonObject:
    """The few forms of strategic merge that `patch_for` makes: nested objects, and one that replaces."""
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    result = dict(as_object(document))
    for key, value in patch.items():
        result[key] = _merged(result.get(key), value) if isinstance(value, dict) else value
    return result


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
