"""Syncs and rollbacks, each of which happens once, however often it is attempted.

Argo CD has no preconditions on operations. What it has: one operation at a time, a history whose ids only grow, and
remarks (`infos`) on syncs. An attempt therefore looks for traces of an earlier one, then for drift, then asks. A first
attempt has none: what looks like its effect is somebody else's, and drift. Between its look and its request somebody
else's operation would have to begin and end unseen for it to act on what was not reviewed; one that is still running
makes Argo CD refuse.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from domain.actions import RollbackApplication, SyncApplication, describe
from domain.errors import InvalidPlan, NotFound, PreconditionDrift, UpstreamRejected
from domain.plans import ApplicationPrecondition
from tools.applied import CHANGE_KEY, Applied
from tools.argocd.models import OperationState
from tools.argocd.read import known, live_application, path_of
from tools.argocd.states import operation_of, precondition_of
from tools.argocd.wire import Application
from tools.http import NOT_ALLOWED, Endpoint

ApplicationAction = SyncApplication | RollbackApplication
CLOCK_SKEW = timedelta(seconds=5)
"""How far Argo CD's clock may lag behind the workflow's."""


@dataclass(frozen=True)
class _Change:
    """One approved change, in one of its attempts."""

    action: ApplicationAction
    precondition: ApplicationPrecondition
    id: str
    ordered: datetime
    attempt: int


class ArgoWriter:
    """Starts an approved operation. It is over when `operation` says so."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def ready(self) -> None:
        """Return if Argo CD answers and takes the write token."""
        await known(self.endpoint)

    async def apply(
        self,
        action: ApplicationAction,
        precondition: ApplicationPrecondition,
        change_id: str,
        *,
        at: datetime,
        attempt: int = 1,
    ) -> Applied:
        """Ask for the operation if `precondition` still holds.

        `change_id` and `at` (when the change was ordered) are the same on every attempt; `attempt` counts them from 1.

        Raises `PreconditionDrift` (nothing was asked for), `InvalidPlan` for a rollback under auto-sync, or an
        `UpstreamError`; after one that is retryable the operation may have begun, and the next attempt will tell.
        """
        change = _Change(action, precondition, change_id, at, attempt)
        live = await self._live(action.application)
        trace = _trace(live, change)
        if trace:
            return Applied(already=True, detail=trace)
        refuse_drift(live, precondition)
        if isinstance(action, RollbackApplication) and live.auto_sync:
            raise InvalidPlan((f"application/{action.application} syncs by itself; Argo CD rolls back only without",))
        try:
            await self.endpoint.post(_path(action), _request(action, change_id))
        except UpstreamRejected as exc:
            if exc.status in NOT_ALLOWED:
                # The review came after a look at what this identity may do: permission that is gone is drift.
                message = f"the write identity may no longer change application/{action.application}: {exc}"
                raise PreconditionDrift(message) from exc
            if "already in progress" not in str(exc):
                raise
            return await self._collided(change)
        return Applied(already=False, detail=describe(action))

    async def operation(self, name: str) -> OperationState:
        """The operation that runs or ran last. Raises `NotFound`."""
        return operation_of(await live_application(self.endpoint, name))

    async def _live(self, name: str) -> Application:
        try:
            return await live_application(self.endpoint, name)
        except NotFound as exc:
            raise PreconditionDrift(str(exc)) from exc

    async def _collided(self, change: _Change) -> Applied:
        """Argo CD is busy: with an attempt of ours whose answer was lost, or with somebody else's operation."""
        name = change.action.application
        trace = _trace(await self._live(name), change)
        if trace:
            return Applied(already=True, detail=trace)
        raise PreconditionDrift(f"another operation on application/{name} began in the meantime")


def refuse_drift(live: Application, precondition: ApplicationPrecondition) -> None:
    """Raise `PreconditionDrift` if the application is not as it was reviewed, or something else drives it."""
    name = f"application/{live.metadata.name}"
    now = precondition_of(live)
    if now.uid != precondition.uid:
        raise PreconditionDrift(f"{name} was replaced by another of the same name")
    for field in ("last_history_id", "deployed_revision", "target_revision", "auto_sync"):
        before, after = getattr(precondition, field), getattr(now, field)
        if before != after:
            raise PreconditionDrift(
                f"{field.replace('_', ' ')} of {name} was {before} at the review, now it is {after}"
            )
    if operation_of(live).in_progress:
        raise PreconditionDrift(f"{name} has another operation in progress")


def _trace(live: Application, change: _Change) -> str | None:
    """What shows that an earlier attempt of this change got through, or None.

    A sync is known by the remark it carries. A rollback carries none: after a first attempt it is known by its effect,
    the wanted revision deployed, or an operation to it begun, since the change was ordered.
    """
    action, operation = change.action, operation_of(live)
    if live.metadata.uid != change.precondition.uid:
        return None
    if isinstance(action, SyncApplication):
        return "an earlier attempt started this sync" if operation.change_id == change.id else None
    if change.attempt == 1:
        return None
    since = change.ordered - CLOCK_SKEW
    last = live.history[-1] if live.last_history_id > change.precondition.last_history_id else None
    if last and last.deployed == action.revision and last.deployed_at and last.deployed_at >= since:
        return f"an earlier attempt deployed {action.revision[:12]} as history {last.id}"
    began = operation.started_at or change.ordered  # one that is asked for begins yet
    if operation.revision == action.revision and began >= since:
        return f"an earlier attempt started the rollback: {operation.phase}"
    return None


def _path(action: ApplicationAction) -> str:
    return path_of(action.application, "sync" if isinstance(action, SyncApplication) else "rollback")


def _request(action: ApplicationAction, change_id: str) -> JsonValue:
    """Nothing is pruned: deleting objects is not what was reviewed."""
    if isinstance(action, SyncApplication):
        infos: list[JsonValue] = [{"name": CHANGE_KEY, "value": change_id}]
        return {"revision": action.revision, "prune": False, "dryRun": False, "infos": infos}
    return {"id": action.history_id, "prune": False, "dryRun": False}
