"""Applications: what Argo CD keeps about each, and how live and wanted state compare right now."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from lab.shop.apply import apply, live_object
from lab.shop.argocd.git import Git, Repository
from lab.shop.argocd.health import health_of, worst
from lab.shop.argocd.models import (
    ApplicationDocument,
    ComparedTo,
    Destination,
    Health,
    HistoryEntry,
    Metadata,
    Operation,
    OperationState,
    ResourceStatus,
    Source,
    Spec,
    Status,
    Summary,
    SyncStatus,
)
from lab.shop.cluster.objects import Manifest, StoredObject, items, section, text, timestamp
from lab.shop.cluster.store import ObjectStore

NAMESPACE = "argocd"
PROJECT = "shop"


@dataclass(eq=False)
class Application:
    """One application; `requested` is the operation that waits to be carried out."""

    name: str
    service: str
    uid: str
    spec: Spec
    created_at: datetime
    reconciled_at: datetime
    requested_at: datetime
    generation: int = 1
    history: list[HistoryEntry] = field(default_factory=list[HistoryEntry])
    operation_state: OperationState | None = None
    requested: Operation | None = None
    attempted: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """The labels list requests select by."""
        return {"app.kubernetes.io/name": self.service, "app.kubernetes.io/part-of": "shop"}


@dataclass(frozen=True)
class Comparison:
    """One wanted resource beside the live one; `predicted` is what applying it would make."""

    target: Manifest
    live: StoredObject | None
    predicted: Manifest
    synced: bool

    def status(self) -> ResourceStatus:
        """The resource's line in the application's status."""
        group, _, version = text(self.target, "apiVersion").rpartition("/")
        metadata = section(self.target, "metadata")
        return ResourceStatus(
            group=group or None,
            version=version,
            kind=text(self.target, "kind"),
            namespace=text(metadata, "namespace"),
            name=text(metadata, "name"),
            status="Synced" if self.synced else "OutOfSync",
            health=health_of(self.live) if self.live else Health(status="Missing"),
        )


class Applications:
    """All applications by name, compared with the cluster when asked."""

    def __init__(self, store: ObjectStore, git: Git):
        self._store = store
        self._git = git
        self._applications: dict[str, Application] = {}

    def add(self, name: str, service: str, uid: str, spec: Spec, now: datetime) -> None:
        """Register an application."""
        self._applications[name] = Application(name, service, uid, spec, now, now, now)

    def find(self, name: str) -> Application | None:
        """The application of that name, or None."""
        return self._applications.get(name)

    def all(self) -> list[Application]:
        """All applications by name."""
        return [self._applications[name] for name in sorted(self._applications)]

    def repository(self, application: Application) -> Repository:
        """The repository it is deployed from."""
        return self._git.repository(application.service)

    def compare(self, application: Application) -> list[Comparison]:
        """Every wanted resource beside the live one, at the revision the application targets."""
        commit = self.repository(application).resolve(application.spec.source.target_revision)
        return [self._comparison(target) for target in commit.manifests]

    def _comparison(self, target: Manifest) -> Comparison:
        live = live_object(self._store, target)
        predicted, word = apply(self._store, target, dry_run=True)
        return Comparison(target, live, predicted.manifest, synced=word == "unchanged")

    def document(self, application: Application) -> ApplicationDocument:
        """The application as the API returns it."""
        compared = self.compare(application)
        resources = [comparison.status() for comparison in compared]
        commit = self.repository(application).resolve(application.spec.source.target_revision)
        synced = all(comparison.synced for comparison in compared)
        to = ComparedTo(source=application.spec.source, destination=application.spec.destination)
        status = Status(
            resources=resources,
            sync=SyncStatus(status="Synced" if synced else "OutOfSync", compared_to=to, revision=commit.revision),
            health=worst(resource.health for resource in resources),
            history=application.history,
            reconciled_at=timestamp(application.reconciled_at),
            operation_state=application.operation_state,
            summary=Summary(images=_images(compared)),
        )
        return ApplicationDocument(
            metadata=self._metadata(application), spec=application.spec, status=status, operation=application.requested
        )

    def _metadata(self, application: Application) -> Metadata:
        return Metadata(
            name=application.name,
            namespace=NAMESPACE,
            uid=application.uid,
            resource_version=str(self._store.version),
            generation=application.generation,
            creation_timestamp=timestamp(application.created_at),
            labels=application.labels,
        )


def new_spec(repository: Repository, namespace: str) -> Spec:
    """The spec of an application that follows a repository's HEAD and syncs when asked."""
    source = Source(repo_url=repository.url, path=repository.path)
    return Spec(source=source, destination=Destination(namespace=namespace), project=PROJECT)


def _images(compared: list[Comparison]) -> list[str]:
    """The images of the live workloads, as the application's summary lists them."""
    found: set[str] = set()
    for comparison in compared:
        if comparison.live:
            pod = section(comparison.live.manifest, "spec", "template", "spec")
            found.update(text(container, "image") for container in items(pod, "containers"))
    return sorted(found)


def compact(manifest: Manifest) -> str:
    """A manifest as the JSON string Argo CD embeds."""
    return json.dumps(manifest, separators=(",", ":"))
