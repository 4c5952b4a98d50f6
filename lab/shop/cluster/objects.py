"""Kubernetes objects as JSON documents with typed access to what every object has."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TypeAlias, TypeVar

from pydantic import JsonValue

from lab.shop.cluster.kinds import Kind
from lab.shop.cluster.views import View

Manifest: TypeAlias = dict[str, JsonValue]
ViewT = TypeVar("ViewT", bound=View)


def section(manifest: Manifest, *path: str) -> Manifest:
    """The mapping at `path`; empty when a step of it is missing or not a mapping."""
    current: JsonValue = manifest
    for key in path:
        current = current.get(key) if isinstance(current, dict) else None
    return current if isinstance(current, dict) else {}


def text(manifest: Manifest, key: str) -> str:
    """The string at `key`; empty when there is none."""
    value = manifest.get(key)
    return value if isinstance(value, str) else ""


def number(manifest: Manifest, key: str) -> int:
    """The integer at `key`; 0 when there is none."""
    value = manifest.get(key)
    return value if isinstance(value, int) else 0


def strings(manifest: Manifest, *path: str) -> dict[str, str]:
    """The string-to-string mapping at `path`, such as labels."""
    return {key: value for key, value in section(manifest, *path).items() if isinstance(value, str)}


def items(manifest: Manifest, key: str) -> list[Manifest]:
    """The list of mappings at `key`; empty when there is none."""
    value = manifest.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def timestamp(moment: datetime) -> str:
    """`metav1.Time`: RFC 3339 in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(value: str) -> datetime:
    """The moment an RFC 3339 text names."""
    return datetime.fromisoformat(value)


@dataclass(frozen=True)
class StoredObject:
    """One version of one object. The manifest is never changed in place: a change makes a new version."""

    kind: Kind
    manifest: Manifest
    _views: dict[type[View], View] = field(default_factory=dict[type[View], View], compare=False, repr=False)

    @cached_property
    def metadata(self) -> Manifest:
        """`metadata`."""
        return section(self.manifest, "metadata")

    @property
    def spec(self) -> Manifest:
        """`spec`, empty for kinds without one."""
        return section(self.manifest, "spec")

    @property
    def status(self) -> Manifest:
        """`status`, empty before a controller wrote one."""
        return section(self.manifest, "status")

    @cached_property
    def name(self) -> str:
        """`metadata.name`."""
        return text(self.metadata, "name")

    @cached_property
    def namespace(self) -> str:
        """`metadata.namespace`, empty for cluster-scoped kinds."""
        return text(self.metadata, "namespace")

    @cached_property
    def uid(self) -> str:
        """`metadata.uid`."""
        return text(self.metadata, "uid")

    @cached_property
    def resource_version(self) -> str:
        """`metadata.resourceVersion`."""
        return text(self.metadata, "resourceVersion")

    @cached_property
    def labels(self) -> dict[str, str]:
        """`metadata.labels`."""
        return strings(self.metadata, "labels")

    @cached_property
    def annotations(self) -> dict[str, str]:
        """`metadata.annotations`."""
        return strings(self.metadata, "annotations")

    @property
    def generation(self) -> int:
        """`metadata.generation`, 0 for kinds that do not count it."""
        return number(self.metadata, "generation")

    @cached_property
    def created_at(self) -> datetime:
        """`metadata.creationTimestamp`."""
        return parse_timestamp(text(self.metadata, "creationTimestamp"))

    @property
    def deleting(self) -> bool:
        """True once deletion has been asked for."""
        return "deletionTimestamp" in self.metadata

    @cached_property
    def owner_uid(self) -> str:
        """The uid of the controlling owner, empty for an orphan."""
        owners = items(self.metadata, "ownerReferences")
        return text(owners[0], "uid") if owners else ""

    def spec_as(self, view: type[ViewT]) -> ViewT:
        """The spec read as a typed view; parsed once a version."""
        found = self._views.get(view)
        if not isinstance(found, view):
            found = view.model_validate(self.spec)
            self._views[view] = found
        return found


def owner_reference(owner: StoredObject) -> Manifest:
    """The controller reference an owned object carries."""
    return {
        "apiVersion": owner.kind.api_version,
        "kind": owner.kind.name,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
