"""The StatefulSet controller: numbered pods, started in order, replaced from the last to the first."""

from lab.shop.cluster.events import EventRecorder
from lab.shop.cluster.kinds import POD, STATEFUL_SET
from lab.shop.cluster.objects import Manifest, StoredObject, section
from lab.shop.cluster.replica_sets import is_ready, pod_manifest
from lab.shop.cluster.store import ObjectStore
from lab.shop.cluster.template_hash import template_hash
from lab.shop.cluster.views import StatefulSetSpec

COMPONENT = "statefulset-controller"
REVISION_LABEL = "controller-revision-hash"


class StatefulSetController:
    """Keeps StatefulSets at their template and number of pods."""

    def __init__(self, store: ObjectStore, events: EventRecorder):
        self._store = store
        self._events = events

    def step(self) -> None:
        """Bring every StatefulSet a step nearer to what it should be."""
        for stateful_set in self._store.objects(STATEFUL_SET):
            self._sync(stateful_set)

    def _sync(self, stateful_set: StoredObject) -> None:
        wanted = stateful_set.spec_as(StatefulSetSpec).replicas
        revision = f"{stateful_set.name}-{template_hash(section(stateful_set.manifest, 'spec', 'template'))}"
        pods = {ordinal(pod): pod for pod in self._store.owned(POD, stateful_set)}
        if not any(pod.deleting for pod in pods.values()):
            self._move(stateful_set, wanted, revision, pods)
        self._count(stateful_set, revision)

    def _move(self, stateful_set: StoredObject, wanted: int, revision: str, pods: dict[int, StoredObject]) -> None:
        """One pod at a time: fill the first gap, else drop the last surplus pod, else replace the last outdated one."""
        missing = [index for index in range(wanted) if index not in pods]
        surplus = [index for index in pods if index >= wanted]
        outdated = [index for index, pod in pods.items() if pod.labels.get(REVISION_LABEL) != revision]
        blocked = any(not is_ready(pod) and index not in outdated for index, pod in pods.items())
        if missing and not blocked:
            self._create(stateful_set, missing[0], revision)
        elif surplus:
            self._delete(stateful_set, pods[max(surplus)])
        elif outdated and not blocked:
            self._delete(stateful_set, pods[max(outdated)])

    def _create(self, stateful_set: StoredObject, index: int, revision: str) -> None:
        name = f"{stateful_set.name}-{index}"
        labels = {
            "apps.kubernetes.io/pod-index": str(index),
            REVISION_LABEL: revision,
            "statefulset.kubernetes.io/pod-name": name,
        }
        self._store.create(POD, pod_manifest(stateful_set, name, labels))
        message = f"create Pod {name} in StatefulSet {stateful_set.name} successful"
        self._events.normal(stateful_set, "SuccessfulCreate", message, COMPONENT)

    def _delete(self, stateful_set: StoredObject, pod: StoredObject) -> None:
        self._store.mark_deleted(pod, grace_seconds=30)
        message = f"delete Pod {pod.name} in StatefulSet {stateful_set.name} successful"
        self._events.normal(stateful_set, "SuccessfulDelete", message, COMPONENT)

    def _count(self, stateful_set: StoredObject, revision: str) -> None:
        pods = [pod for pod in self._store.owned(POD, stateful_set) if not pod.deleting]
        ready = sum(map(is_ready, pods))
        updated = sum(pod.labels.get(REVISION_LABEL) == revision for pod in pods)
        current = revision
        if updated < len(pods):
            current = str(stateful_set.status.get("currentRevision", revision))
        status: Manifest = {
            "observedGeneration": stateful_set.generation,
            "replicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "currentReplicas": len(pods) if current == revision else len(pods) - updated,
            "updatedReplicas": updated,
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
        }
        self._store.set_status(stateful_set, status)


def ordinal(pod: StoredObject) -> int:
    """The number at the end of a StatefulSet pod's name."""
    return int(pod.name.rsplit("-", 1)[-1])
