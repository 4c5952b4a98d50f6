"""Releasing: tracked services through Git and Argo CD, the others straight to the cluster."""

import re
from dataclasses import replace

from lab.shop.apply import apply
from lab.shop.argocd.applications import Applications
from lab.shop.argocd.git import Git
from lab.shop.argocd.models import Initiator, Operation, SyncOperation
from lab.shop.argocd.operations import Operations
from lab.shop.cluster.images import Build, Registry
from lab.shop.cluster.objects import Manifest, section
from lab.shop.cluster.store import ObjectStore
from lab.shop.manifests import Release, application_name, image_of, manifests_of, service_address, tracked
from lab.shop.topology import BY_NAME, SERVICES, Service

CHANGE_CAUSE = "kubernetes.io/change-cause"
RELEASER = "release-bot"
ADDRESSES = {service.name: service_address(service.name, service.port) for service in SERVICES}
"""Where the services find each other, by name."""


class Releases:
    """Knows what every service last released, and releases more."""

    def __init__(
        self, store: ObjectStore, git: Git, applications: Applications, operations: Operations, registry: Registry
    ):
        self._store = store
        self._git = git
        self._applications = applications
        self._operations = operations
        self._registry = registry
        self._current: dict[str, Release] = {}
        self._newest: dict[str, tuple[int, int]] = {}

    def current(self, service: str) -> Release:
        """What was released last. Raises `KeyError` for a service there is not."""
        return self._current[service]

    def next_version(self, service: str) -> str:
        """The tag of the minor version after the newest that was ever released."""
        major, minor = self._newest[service]
        return f"{major}.{minor + 1}.0"

    def push(self, service: str, tag: str, build: Build | None = None) -> str:
        """Push an image of a service; a healthy one unless told otherwise. Its reference comes back."""
        image = image_of(service, tag)
        self._registry.push(image, build or healthy_build(BY_NAME[service], tag))
        return image

    def release(self, release: Release) -> None:
        """Commit and sync, or apply: returns at once, the rollout takes its time."""
        service = release.service
        manifests = [tracked(service, manifest) for manifest in manifests_of(release, ADDRESSES)]
        self._current[service.name] = release
        self._newest[service.name] = max(self._newest.get(service.name, (0, 0)), _minor_version(release.version))
        if not service.tracked:
            for manifest in manifests:
                apply(self._store, with_cause(manifest, release.cause))
            return
        commit = self._git.commit(release, manifests)
        application = self._applications.find(application_name(service.name))
        if application and not application.spec.automated:
            if application.requested:
                self._operations.terminate(application)
            sync = SyncOperation(revision=commit.revision)
            self._operations.request(application, Operation(sync=sync, initiated_by=Initiator(username=RELEASER)))

    def revert(self, bad: Release, good: Release) -> None:
        """Take a release back, unless a newer one has followed."""
        if self._current[bad.service.name] is bad:
            self.release(replace(good, cause=f'Revert "{bad.cause}"'))


def healthy_build(service: Service, tag: str) -> Build:
    """The program of a service as it should be."""
    health_path = "/healthz" if service.port == 8080 else ""
    return Build(service.name, tag, service.port, health_path=health_path, log_format=service.log_format)


def _minor_version(tag: str) -> tuple[int, int]:
    """Major and minor number of a tag; (0, 0) for a tag that has none."""
    found = re.match(r"(\d+)\.(\d+)", tag)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def with_cause(manifest: Manifest, cause: str) -> Manifest:
    """A workload's manifest with the annotation that `kubectl rollout history` shows; others as they are."""
    if "template" not in section(manifest, "spec"):
        return manifest
    metadata = section(manifest, "metadata")
    annotations: Manifest = {**section(metadata, "annotations"), CHANGE_CAUSE: cause}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}
