"""Argo CD's answers, typed."""

from domain.inventory import ApplicationEntry
from domain.model import Model, Timestamp
from domain.plans import ApplicationPrecondition


class ResourceState(Model):
    """An object that an application tracks. `health` is empty for kinds that have none."""

    kind: str
    namespace: str | None
    name: str
    sync: str
    health: str
    message: str = ""


class ApplicationState(Model):
    """An application now. `conditions` are `type: message`.

    `operation_phase` is of the operation that was asked for, runs, or ran last; None before the first.
    """

    entry: ApplicationEntry
    precondition: ApplicationPrecondition
    operation_phase: str | None
    operation_message: str
    images: tuple[str, ...]
    resources: tuple[ResourceState, ...]
    destination_namespace: str | None
    conditions: tuple[str, ...]


class TreeNode(Model):
    """An object below an application, tracked or owned by a tracked one. `parent` is `kind/name`."""

    kind: str
    namespace: str | None
    name: str
    parent: str | None
    health: str = ""
    message: str = ""
    images: tuple[str, ...] = ()
    created_at: Timestamp | None = None


class ResourceDiff(Model):
    """What a sync would change on one object, as a unified diff of YAML from live to target."""

    kind: str
    namespace: str | None
    name: str
    diff: str


class RevisionMetadata(Model):
    """Who committed a revision, when, and why."""

    revision: str
    author: str
    date: Timestamp | None
    message: str
    tags: tuple[str, ...] = ()


class OperationState(Model):
    """The operation that runs or ran last. `change_id` is ours if we started it as a sync."""

    phase: str | None
    message: str
    revision: str | None
    started_at: Timestamp | None
    finished_at: Timestamp | None
    change_id: str | None
    in_progress: bool
