"""Changes of workloads, each of which happens once, however often it is attempted."""

from datetime import datetime

from domain.actions import describe
from domain.errors import NotFound, PreconditionDrift, UpstreamRejected, UpstreamUnavailable
from domain.objects import WorkloadRef
from domain.plans import WorkloadPrecondition
from tools.applied import CHANGE_KEY, Applied
from tools.http import NOT_ALLOWED, Endpoint
from tools.kubernetes.changes import FIELD_MANAGER, STRATEGIC_MERGE, WorkloadAction, patch_for, time_stamp
from tools.kubernetes.kinds import WORKLOADS
from tools.kubernetes.workloads import WORKLOAD, Workload

ATTEMPTS = 5
"""Writes of others' status between our read and our patch are retried this often; a rollout writes status a lot."""


class KubernetesWriter:
    """Applies an approved action by one PATCH that also leaves the change's id on the object.

    The patch carries the `uid` and `resourceVersion` that were read, so it lands on exactly the object that was
    checked against the precondition, or not at all. A later attempt finds the id and knows that it is done.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def ready(self) -> None:
        """Return if the API server answers and knows this identity."""
        await self.endpoint.get("/version")

    async def apply(
        self,
        action: WorkloadAction,
        precondition: WorkloadPrecondition,
        change_id: str,
        *,
        at: datetime | None = None,
    ) -> Applied:
        """Put the change in place if `precondition` still holds.

        `change_id` and `at` (when the change was ordered) are the same on every attempt; a restart is stamped with
        the time, or with the id where no time is given: a clock of its own would make two attempts differ.

        Raises `PreconditionDrift` (nothing was written), `InvalidPlan`, or an `UpstreamError`; after one that is
        retryable the change may be in place, and the next attempt will tell.
        """
        path = WORKLOADS[action.workload.kind].path(action.workload.namespace, action.workload.name)
        for _ in range(ATTEMPTS):
            live = await self._live(path, action.workload)
            if live.metadata.annotations.get(CHANGE_KEY) == change_id:
                # One patch makes one generation at most: what is above it is somebody else's.
                ours = min(live.metadata.generation, precondition.generation + 1)
                detail = f"an earlier attempt did it: {describe(action)}"
                return Applied(already=True, detail=detail, generation=ours)
            refuse_drift(action.workload, live, precondition)
            stamp = time_stamp(at) if at else change_id
            patched = await self._patched(path, action, live, change_id=change_id, stamp=stamp)
            if patched is not None:
                return Applied(already=False, detail=describe(action), generation=patched.metadata.generation)
        raise UpstreamUnavailable("kubernetes", f"{action.workload} changed under each of {ATTEMPTS} attempts")

    async def _live(self, path: str, ref: WorkloadRef) -> Workload:
        try:
            return self.endpoint.parsed(WORKLOAD, await self.endpoint.get(path))
        except UpstreamRejected as exc:
            if exc.status == 404:
                raise PreconditionDrift(f"{ref} in {ref.namespace} no longer exists") from exc
            _refuse_withdrawn(ref, exc)
            raise

    async def _patched(
        self, path: str, action: WorkloadAction, live: Workload, *, change_id: str, stamp: str
    ) -> Workload | None:
        """The object as the patch made it; None if it had changed since it was read."""
        try:
            patch = await patch_for(self.endpoint.get, action, live, stamp)
        except NotFound as exc:
            raise PreconditionDrift(str(exc)) from exc
        except UpstreamRejected as exc:
            _refuse_withdrawn(action.workload, exc)
            raise
        patch["metadata"] = {
            "uid": live.metadata.uid,
            "resourceVersion": live.metadata.resource_version,
            "annotations": {CHANGE_KEY: change_id},
        }
        try:
            answer = await self.endpoint.patch(path, patch, STRATEGIC_MERGE, {"fieldManager": FIELD_MANAGER})
        except UpstreamRejected as exc:
            if exc.status == 409:
                return None
            _refuse_withdrawn(action.workload, exc)
            raise
        return self.endpoint.parsed(WORKLOAD, answer)


def _refuse_withdrawn(ref: WorkloadRef, exc: UpstreamRejected) -> None:
    """The dry run before the review was allowed: permission that is gone now is drift like any other."""
    if exc.status in NOT_ALLOWED:
        message = f"the write identity may no longer change {ref} in {ref.namespace}: {exc}"
        raise PreconditionDrift(message) from exc


def refuse_drift(ref: WorkloadRef, live: Workload, precondition: WorkloadPrecondition) -> None:
    """Raise `PreconditionDrift` if the live workload is not the reviewed one, by identity and by spec."""
    metadata = live.metadata
    if metadata.uid != precondition.uid:
        raise PreconditionDrift(f"{ref} was replaced by another object of the same name")
    if metadata.deleted_at is not None:
        raise PreconditionDrift(f"{ref} is being deleted")
    if metadata.generation != precondition.generation:
        raise PreconditionDrift(
            f"the spec of {ref} changed since the review: generation {precondition.generation}, now "
            f"{metadata.generation} with {live.replicas(ref.kind)} replicas of {', '.join(live.spec.template.images)}"
        )
