"""The garbage collector: what belonged to an object that is gone goes too."""

from lab.shop.cluster.kinds import ENDPOINT_SLICE, ENDPOINTS, KINDS, POD, REPLICA_SET
from lab.shop.cluster.store import ObjectStore


class GarbageCollector:
    """Removes dependants without an owner."""

    def __init__(self, store: ObjectStore):
        self._store = store

    def step(self) -> None:
        """Delete orphans; pods are asked to end."""
        alive = {stored.uid for kind in KINDS for stored in self._store.objects(kind)}
        for kind in (REPLICA_SET, ENDPOINTS, ENDPOINT_SLICE, POD):
            for stored in self._store.objects(kind):
                if not stored.owner_uid or stored.owner_uid in alive or stored.deleting:
                    continue
                if kind is POD:
                    self._store.mark_deleted(stored, grace_seconds=30)
                else:
                    self._store.delete(stored)
