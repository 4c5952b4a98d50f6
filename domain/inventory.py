"""The objects a triage has seen with its own tools: the only names a plan may use."""

import re

from pydantic import Field

from domain.actions import Action, RollbackApplication, ScaleWorkload, SyncApplication, UndoRollout
from domain.errors import InvalidPlan
from domain.model import Model, Timestamp
from domain.objects import WorkloadRef

COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class RolloutRevision(Model):
    """One revision of a workload's rollout history (a Deployment's ReplicaSet).

    `ready`: its pods that are ready now. `differs`: the parts of the pod template in which the current revision differs
    from it; None where templates were not compared.
    """

    number: int
    images: tuple[str, ...] = ()
    created_at: Timestamp | None = None
    ready: int = 0
    differs: tuple[str, ...] | None = None


class WorkloadEntry(Model):
    """A workload as it was last seen. `application` is the Argo CD application that tracks it, if any."""

    ref: WorkloadRef
    replicas: int
    ready: int
    revisions: tuple[RolloutRevision, ...] = ()
    current_revision: int | None = None
    application: str | None = None
    autoscaled_max: int | None = None


class Deployed(Model):
    """One entry of an Argo CD application's history."""

    history_id: int
    revision: str
    deployed_at: Timestamp | None = None


class ApplicationEntry(Model):
    """An Argo CD application as it was last seen. `history` is oldest first; its last entry is what is deployed.

    `target_revision` is what it follows, such as a branch; `target_commit` what that stood for when last compared.
    `namespace` is where objects go that name none, `namespaces` where those are that it tracks.
    """

    name: str
    namespace: str | None = None
    namespaces: tuple[str, ...] = ()
    sync_status: str = "Unknown"
    health: str = "Unknown"
    target_revision: str = ""
    target_commit: str = ""
    history: tuple[Deployed, ...] = ()
    auto_sync: bool = False
    self_heal: bool = False


class Inventory(Model):
    """Everything seen, without duplicates; later sightings replace earlier ones."""

    workloads: tuple[WorkloadEntry, ...] = Field(default=())
    applications: tuple[ApplicationEntry, ...] = Field(default=())

    def workload(self, ref: WorkloadRef) -> WorkloadEntry | None:
        """The entry of that workload."""
        return next((entry for entry in self.workloads if entry.ref == ref), None)

    def application(self, name: str) -> ApplicationEntry | None:
        """The entry of that application."""
        return next((entry for entry in self.applications if entry.name == name), None)

    def merged(self, other: "Inventory") -> "Inventory":
        """Both, `other` winning where they name the same object."""
        workloads = {str(e.ref) + (e.ref.namespace or ""): e for e in (*self.workloads, *other.workloads)}
        applications = {e.name: e for e in (*self.applications, *other.applications)}
        return Inventory(workloads=tuple(workloads.values()), applications=tuple(applications.values()))


def violations(action: Action, inventory: Inventory) -> tuple[str, ...]:
    """Why `action` may not be proposed given what was seen; empty if it may."""
    if isinstance(action, SyncApplication | RollbackApplication):
        return _application_violations(action, inventory)
    entry = inventory.workload(action.workload)
    if entry is None:
        return (f"{action.workload} in namespace {action.workload.namespace} was not seen by any tool",)
    if isinstance(action, UndoRollout):
        return _undo_violations(action, entry)
    if isinstance(action, ScaleWorkload) and action.replicas == entry.replicas:
        return (f"{action.workload} already has {entry.replicas} replicas",)
    return ()


def _undo_violations(action: UndoRollout, entry: WorkloadEntry) -> tuple[str, ...]:
    if action.to_revision not in {revision.number for revision in entry.revisions}:
        return (f"{action.workload} has no rollout revision {action.to_revision}",)
    if action.to_revision == entry.current_revision:
        return (f"{action.workload} already runs revision {action.to_revision}",)
    return ()


def _application_violations(action: SyncApplication | RollbackApplication, inventory: Inventory) -> tuple[str, ...]:
    entry = inventory.application(action.application)
    if entry is None:
        return (f"application/{action.application} was not seen by any tool",)
    deployed = {(item.history_id, item.revision) for item in entry.history}
    if isinstance(action, RollbackApplication) and (action.history_id, action.revision) not in deployed:
        return (f"application/{action.application} has no history entry {action.history_id} at {action.revision}",)
    known = {revision for _, revision in deployed} | {entry.target_revision, entry.target_commit}
    if isinstance(action, SyncApplication) and action.revision not in known:
        return (f"application/{action.application} was never seen at revision {action.revision}",)
    return ()


def pinned(
    action: SyncApplication | RollbackApplication, entry: ApplicationEntry
) -> SyncApplication | RollbackApplication:
    """`action` with the commit in place of the branch or tag that `entry` follows: what is reviewed is deployed.

    Raises `InvalidPlan` where that commit is not known, or where Argo CD would refuse it.
    """
    if isinstance(action, RollbackApplication):
        return action
    follows = action.revision == entry.target_revision and entry.target_commit
    revision = entry.target_commit if follows else action.revision
    deployed = [item.revision for item in entry.history]
    where = f"application/{entry.name}"
    if revision not in deployed and not COMMIT.fullmatch(revision):
        example = f", such as {deployed[-1]} of its history" if deployed else " of 40 hex digits"
        raise InvalidPlan((f"{where}: {revision} may move after the review; give a commit{example}",))
    if entry.auto_sync and revision != entry.target_revision:
        raise InvalidPlan((f"{where} takes no other revision than {entry.target_revision} while auto-sync is on",))
    return action.model_copy(update={"revision": revision})
