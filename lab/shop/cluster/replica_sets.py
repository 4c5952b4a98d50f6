"""The ReplicaSet controller: as many pods as asked for."""

import random

from lab.shop.cluster.events import EventRecorder
from lab.shop.cluster.kinds import POD, REPLICA_SET
from lab.shop.cluster.objects import Manifest, StoredObject, items, owner_reference, section
from lab.shop.cluster.store import ObjectStore
from lab.shop.cluster.views import ReplicaSetSpec

COMPONENT = "replicaset-controller"
# Kubernetes' own alphabet for generated names: no vowels, so no words.
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class ReplicaSetController:
    """Creates and deletes the pods of ReplicaSets and counts them."""

    def __init__(self, store: ObjectStore, events: EventRecorder, rng: random.Random):
        self._store = store
        self._events = events
        self._rng = rng

    def step(self) -> None:
        """Bring every ReplicaSet nearer to its wanted number of pods."""
        for replica_set in self._store.objects(REPLICA_SET):
            self._sync(replica_set)

    def _sync(self, replica_set: StoredObject) -> None:
        wanted = replica_set.spec_as(ReplicaSetSpec).replicas
        pods = [pod for pod in self._store.owned(POD, replica_set) if not pod.deleting]
        for _ in range(wanted - len(pods)):
            self._create_pod(replica_set)
        surplus = sorted(pods, key=lambda pod: (is_ready(pod), pod.name))[: max(0, len(pods) - wanted)]
        for pod in surplus:
            self._store.mark_deleted(pod, grace_seconds=30)
            self._events.normal(replica_set, "SuccessfulDelete", f"Deleted pod: {pod.name}", COMPONENT)
        self._count(replica_set)

    def _create_pod(self, replica_set: StoredObject) -> None:
        suffix = "".join(self._rng.choices(ALPHABET, k=5))
        pod = self._store.create(POD, pod_manifest(replica_set, f"{replica_set.name}-{suffix}"))
        self._events.normal(replica_set, "SuccessfulCreate", f"Created pod: {pod.name}", COMPONENT)

    def _count(self, replica_set: StoredObject) -> None:
        pods = [pod for pod in self._store.owned(POD, replica_set) if not pod.deleting]
        ready = sum(map(is_ready, pods))
        counts: Manifest = {"replicas": len(pods), "fullyLabeledReplicas": len(pods)}
        if ready:
            counts |= {"readyReplicas": ready, "availableReplicas": ready}
        self._store.set_status(replica_set, {**counts, "observedGeneration": replica_set.generation})


def is_ready(pod: StoredObject) -> bool:
    """Whether a pod's Ready condition holds and it is not going away."""
    conditions = items(pod.status, "conditions")
    return not pod.deleting and any(
        entry.get("type") == "Ready" and entry.get("status") == "True" for entry in conditions
    )


def pod_manifest(owner: StoredObject, name: str, labels: dict[str, str] | None = None) -> Manifest:
    """A pod from its owner's template."""
    template = section(owner.manifest, "spec", "template")
    metadata = section(template, "metadata")
    return {
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "labels": {**section(metadata, "labels"), **(labels or {})},
            "annotations": section(metadata, "annotations"),
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": section(template, "spec"),
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    }
