"""The parts of Argo CD's API objects that the shop serves; field names are the API's.

Source: https://github.com/argoproj/argo-cd/blob/release-3.1/pkg/apis/application/v1alpha1/types.go
"""

from typing import Literal, TypeAlias

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

HealthStatus: TypeAlias = Literal["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"]
Phase: TypeAlias = Literal["Running", "Terminating", "Succeeded", "Failed", "Error"]


class Model(BaseModel):
    """A frozen API object."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, alias_generator=to_camel)


class Source(Model):
    """Where an application's manifests come from."""

    repo_url: str = Field(validation_alias=AliasChoices("repo_url", "repoURL"), serialization_alias="repoURL")
    path: str
    target_revision: str = "HEAD"


class Destination(Model):
    """Where they go."""

    server: str = "https://kubernetes.default.svc"
    namespace: str


class Automated(Model):
    """Automatic sync. The shop never prunes on its own; `self_heal` undoes what others change."""

    enabled: bool | None = None
    prune: bool = False
    self_heal: bool = False


class SyncPolicy(Model):
    """How an application is synced without being asked."""

    automated: Automated | None = None
    sync_options: list[str] | None = None


class Spec(Model):
    """An application's spec."""

    source: Source
    destination: Destination
    project: str
    sync_policy: SyncPolicy | None = None

    @property
    def automated(self) -> Automated | None:
        """The automatic sync, None when it is off."""
        found = self.sync_policy.automated if self.sync_policy else None
        return found if found and found.enabled is not False else None


class Initiator(Model):
    """Who started an operation."""

    username: str | None = None
    automated: bool | None = None


class ResourceRef(Model):
    """One resource of a partial sync."""

    group: str = ""
    kind: str
    name: str
    namespace: str | None = None


class SyncOperation(Model):
    """What a sync was asked to do."""

    revision: str | None = None
    prune: bool | None = None
    dry_run: bool | None = None
    resources: list[ResourceRef] | None = None


class Info(Model):
    """A remark whoever asked for a sync left on it."""

    name: str
    value: str


class Operation(Model):
    """A requested operation."""

    sync: SyncOperation
    initiated_by: Initiator
    info: list[Info] | None = None


class ResourceResult(Model):
    """What a sync did to one resource."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    status: Literal["Synced", "SyncFailed", "Pruned", "PruneSkipped"]
    message: str
    hook_phase: str = "Running"
    sync_phase: str = "Sync"


class SyncResult(Model):
    """The outcome of a sync."""

    revision: str
    source: Source
    resources: list[ResourceResult]


class OperationState(Model):
    """The running or the last operation."""

    operation: Operation
    phase: Phase
    message: str | None = None
    sync_result: SyncResult | None = None
    started_at: str
    finished_at: str | None = None


class HistoryEntry(Model):
    """One past deployment, what `rollback` takes the id of."""

    id: int
    revision: str
    deployed_at: str
    deploy_started_at: str
    source: Source
    initiated_by: Initiator


class Health(Model):
    """Health of an application or resource."""

    status: HealthStatus
    message: str | None = None


class ResourceStatus(Model):
    """Sync and health of one resource."""

    group: str | None = None
    version: str
    kind: str
    namespace: str
    name: str
    status: Literal["Synced", "OutOfSync"]
    health: Health | None = None


class ComparedTo(Model):
    """What the live state was compared with."""

    source: Source
    destination: Destination


class SyncStatus(Model):
    """Whether live and wanted state agree, and at which revision."""

    status: Literal["Synced", "OutOfSync", "Unknown"]
    compared_to: ComparedTo
    revision: str


class Summary(Model):
    """What the application runs."""

    images: list[str]


class Status(Model):
    """An application's status."""

    resources: list[ResourceStatus]
    sync: SyncStatus
    health: Health
    history: list[HistoryEntry]
    reconciled_at: str
    operation_state: OperationState | None = None
    source_type: str = "Directory"
    summary: Summary


class Metadata(Model):
    """An application's metadata."""

    name: str
    namespace: str
    uid: str
    resource_version: str
    generation: int
    creation_timestamp: str
    labels: dict[str, str]


class ApplicationDocument(Model):
    """An `Application` as the API returns it; `operation` is there while one is requested or runs."""

    metadata: Metadata
    spec: Spec
    status: Status
    operation: Operation | None = None
