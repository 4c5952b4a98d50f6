"""Kubernetes Events: recorded by the controllers and the kubelet, repeated ones counted up."""

import random
from datetime import timedelta

from lab.shop.clock import Clock
from lab.shop.cluster.kinds import EVENT
from lab.shop.cluster.objects import Manifest, StoredObject, number, parse_timestamp, text, timestamp
from lab.shop.cluster.store import ObjectStore

# An API server drops events after an hour (`--event-ttl`); the shop's are also limited in number.
KEPT = timedelta(hours=1)
CAPACITY = 600


class EventRecorder:
    """Writes Events; a repeated one raises `count` and `lastTimestamp`, as the real recorder's aggregator does."""

    def __init__(self, store: ObjectStore, clock: Clock, rng: random.Random):
        self._store = store
        self._clock = clock
        self._rng = rng
        self._names: dict[tuple[str, str, str, str], tuple[str, str]] = {}

    def normal(self, about: StoredObject, reason: str, message: str, component: str) -> None:
        """Record what went as it should."""
        self._record(about, "Normal", reason, message, component)

    def warning(self, about: StoredObject, reason: str, message: str, component: str) -> None:
        """Record what an operator may want to look at."""
        self._record(about, "Warning", reason, message, component)

    def _record(self, about: StoredObject, severity: str, reason: str, message: str, component: str) -> None:
        self.record(reference(about), severity, reason, message, component)

    def record(self, involved: Manifest, severity: str, reason: str, message: str, component: str) -> None:
        """Record an event about `involved`, an `ObjectReference`."""
        self.expire()
        key = (str(involved.get("uid")), severity, reason, message)
        namespace, name = self._names.pop(key, ("", ""))
        found = self._store.find(EVENT, name, namespace)
        if found:
            count = number(found.manifest, "count") + 1
            self._store.set_fields(found, {"count": count, "lastTimestamp": timestamp(self._clock.now())})
        else:
            created = self._create(involved, severity, reason, message, component)
            namespace, name = created.namespace, created.name
        # Popped and put back: the names stay in the order of their last occurrence.
        self._names[key] = (namespace, name)

    def _create(self, involved: Manifest, severity: str, reason: str, message: str, component: str) -> StoredObject:
        namespace = str(involved.get("namespace") or "default")
        now = timestamp(self._clock.now())
        return self._store.create(
            EVENT,
            {
                "metadata": {"name": f"{involved['name']}.{self._rng.getrandbits(64):016x}", "namespace": namespace},
                "involvedObject": involved,
                "type": severity,
                "reason": reason,
                "message": message,
                "source": {"component": component},
                "reportingComponent": component,
                "reportingInstance": "",
                "count": 1,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "eventTime": None,
            },
        )

    def expire(self) -> None:
        """Drop events that are too old or too many."""
        while self._names:
            key, (namespace, name) = next(iter(self._names.items()))
            found = self._store.find(EVENT, name, namespace)
            fresh = found and self._clock.now() - parse_timestamp(text(found.manifest, "lastTimestamp")) < KEPT
            if fresh and len(self._names) <= CAPACITY:
                return
            del self._names[key]
            if found:
                self._store.delete(found)


def reference(stored: StoredObject) -> Manifest:
    """The `ObjectReference` of an object."""
    return {
        "apiVersion": stored.kind.api_version,
        "kind": stored.kind.name,
        "namespace": stored.namespace,
        "name": stored.name,
        "uid": stored.uid,
        "resourceVersion": stored.resource_version,
    }
