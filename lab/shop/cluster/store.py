"""The API server's storage: versions, preconditions, and the stream of changes that watches read."""

import asyncio
import random
import uuid
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.shop.clock import Clock
from lab.shop.cluster.defaults import defaulted
from lab.shop.cluster.errors import AlreadyExistsError, ConflictError, GoneError, NotFoundError
from lab.shop.cluster.kinds import DEPLOYMENT, KINDS, POD, REPLICA_SET, STATEFUL_SET, Kind
from lab.shop.cluster.objects import Manifest, StoredObject, section, strings, text, timestamp
from lab.shop.cluster.validation import validate

# How many changes a watch may lag behind before it has to list again.
HISTORY = 4000
_COUNTS_GENERATION = {DEPLOYMENT, REPLICA_SET, STATEFUL_SET, POD}
_SERVER_OWNED = ("uid", "creationTimestamp", "generation", "name", "namespace", "ownerReferences", "deletionTimestamp")


@dataclass(frozen=True)
class Change:
    """One entry of the watch stream; `type` is ADDED, MODIFIED or DELETED."""

    version: int
    type: str
    object: StoredObject


class ObjectStore:
    """All objects of the cluster, newest version each."""

    def __init__(self, clock: Clock, rng: random.Random):
        self._clock = clock
        self._rng = rng
        self._objects: dict[Kind, dict[tuple[str, str], StoredObject]] = {kind: {} for kind in KINDS}
        self._changes: deque[Change] = deque(maxlen=HISTORY)
        self._watchers: set[asyncio.Queue[Change]] = set()
        self.version = 1000

    def find(self, kind: Kind, name: str, namespace: str = "") -> StoredObject | None:
        """The object of that name, or None."""
        return self._objects[kind].get((namespace, name))

    def get(self, kind: Kind, name: str, namespace: str = "") -> StoredObject:
        """The object of that name. Raises `NotFoundError`."""
        found = self.find(kind, name, namespace)
        if found is None:
            raise NotFoundError.named(kind, name)
        return found

    def objects(self, kind: Kind, namespace: str = "") -> list[StoredObject]:
        """The objects of a kind, by namespace and name; an empty namespace means all of them."""
        found = self._objects[kind]
        return [found[key] for key in sorted(found) if not namespace or key[0] == namespace]

    def owned(self, kind: Kind, owner: StoredObject) -> list[StoredObject]:
        """The objects of a kind that `owner` controls."""
        return [stored for stored in self.objects(kind, owner.namespace) if stored.owner_uid == owner.uid]

    def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> StoredObject:
        """Store a new object. Raises `AlreadyExistsError` or `InvalidError`."""
        filled = defaulted(kind, manifest)
        validate(kind, filled, None)
        metadata = dict(section(filled, "metadata"))
        key = (text(metadata, "namespace"), text(metadata, "name"))
        if key in self._objects[kind]:
            raise AlreadyExistsError(f'{kind.resource} "{key[1]}" already exists', kind, key[1])
        metadata |= {"uid": str(uuid.UUID(int=self._rng.getrandbits(128), version=4))}
        metadata |= {"creationTimestamp": timestamp(self._clock.now())}
        metadata |= {"generation": 1} if kind in _COUNTS_GENERATION else {}
        head: Manifest = {"apiVersion": kind.api_version, "kind": kind.name}
        return self._commit("ADDED", kind, {**head, **filled, "metadata": metadata}, dry_run=dry_run)

    def replace(self, before: StoredObject, manifest: Manifest, *, dry_run: bool = False) -> StoredObject:
        """Store a new version of an object's metadata and spec; its status stays.

        `metadata.resourceVersion` and `metadata.uid` in the manifest are preconditions: raises `ConflictError` when
        they name another version or object. Nothing is stored when nothing changed.
        """
        filled = defaulted(before.kind, manifest)
        _check_preconditions(before, section(filled, "metadata"))
        validate(before.kind, filled, before)
        changed = {key: value for key, value in filled.items() if key not in {"status", "apiVersion", "kind"}}
        metadata = _merged_metadata(before, section(filled, "metadata"))
        after: Manifest = {"apiVersion": before.kind.api_version, "kind": before.kind.name, **changed}
        if "status" in before.manifest:
            after["status"] = before.manifest["status"]
        if before.generation and _counts(before, after):
            metadata["generation"] = before.generation + 1
        after["metadata"] = metadata
        return before if after == before.manifest else self._commit("MODIFIED", before.kind, after, dry_run=dry_run)

    def set_status(self, before: StoredObject, status: Manifest) -> StoredObject:
        """Store a new status; nothing when it is the old one."""
        if before.manifest.get("status") == status:
            return before
        return self._commit("MODIFIED", before.kind, {**before.manifest, "status": status})

    def set_fields(self, before: StoredObject, fields: Manifest) -> StoredObject:
        """Store top-level fields of an object that has no spec, such as an Event's or an Endpoints'."""
        after = {**before.manifest, **fields}
        return before if after == before.manifest else self._commit("MODIFIED", before.kind, after)

    def mark_deleted(self, before: StoredObject, grace_seconds: int) -> StoredObject:
        """Ask a pod to end: its kubelet removes it after the grace period."""
        metadata: Manifest = {
            **before.metadata,
            "deletionTimestamp": timestamp(self._clock.now()),
            "deletionGracePeriodSeconds": grace_seconds,
        }
        return self._commit("MODIFIED", before.kind, {**before.manifest, "metadata": metadata})

    def delete(self, stored: StoredObject) -> StoredObject:
        """Remove an object; the last version comes back."""
        del self._objects[stored.kind][stored.namespace, stored.name]
        return self._record("DELETED", self._next(stored.kind, stored.manifest))

    def _commit(self, event: str, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> StoredObject:
        if dry_run:
            return StoredObject(kind, manifest)
        stored = self._next(kind, manifest)
        self._objects[kind][stored.namespace, stored.name] = stored
        return self._record(event, stored)

    def _next(self, kind: Kind, manifest: Manifest) -> StoredObject:
        self.version += 1
        metadata: Manifest = {**section(manifest, "metadata"), "resourceVersion": str(self.version)}
        return StoredObject(kind, {**manifest, "metadata": metadata})

    def _record(self, event: str, stored: StoredObject) -> StoredObject:
        change = Change(self.version, event, stored)
        self._changes.append(change)
        for watcher in self._watchers:
            watcher.put_nowait(change)
        return stored

    @contextmanager
    def watch(self, since: int) -> Generator[asyncio.Queue[Change]]:
        """A queue of all changes after version `since`; raises `GoneError` when those are no longer kept."""
        kept = self._changes[0].version if self._changes else self.version
        if len(self._changes) == HISTORY and since < kept - 1:
            raise GoneError(f"too old resource version: {since} ({kept})")
        queue: asyncio.Queue[Change] = asyncio.Queue()
        for change in self._changes:
            if change.version > since:
                queue.put_nowait(change)
        self._watchers.add(queue)
        try:
            yield queue
        finally:
            self._watchers.discard(queue)


def _counts(before: StoredObject, after: Manifest) -> bool:
    """Whether a change is a new generation: of the spec, and for Deployments of annotations too."""
    if after.get("spec") != before.manifest.get("spec"):
        return True
    return before.kind is DEPLOYMENT and strings(after, "metadata", "annotations") != before.annotations


def _check_preconditions(before: StoredObject, metadata: Manifest) -> None:
    uid, version = text(metadata, "uid"), text(metadata, "resourceVersion")
    if version and version != before.resource_version:
        raise ConflictError.modified(before.kind, before.name)
    if uid and uid != before.uid:
        raise ConflictError.other_uid(before.kind, before.name, uid, before.uid)


def _merged_metadata(before: StoredObject, metadata: Manifest) -> Manifest:
    kept = {key: before.metadata[key] for key in _SERVER_OWNED if key in before.metadata}
    return {**metadata, **kept, "resourceVersion": before.resource_version}
