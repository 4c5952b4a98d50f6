"""The Deployment controller: new ReplicaSet on template change, rolling update within the strategy's bounds.

Follows https://github.com/kubernetes/kubernetes/tree/master/pkg/controller/deployment; unlike there, a change of
`replicas` in the middle of a rollout goes to the new ReplicaSet alone instead of to all in proportion.
"""

from dataclasses import dataclass

from lab.shop.clock import Clock
from lab.shop.cluster.deployment_status import deployment_status
from lab.shop.cluster.events import EventRecorder
from lab.shop.cluster.kinds import DEPLOYMENT, REPLICA_SET
from lab.shop.cluster.objects import Manifest, StoredObject, number, owner_reference, section, strings
from lab.shop.cluster.store import ObjectStore
from lab.shop.cluster.template_hash import LABEL, labelled, template_hash
from lab.shop.cluster.views import DeploymentSpec, ReplicaSetSpec

COMPONENT = "deployment-controller"
REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"


@dataclass(frozen=True)
class Rollout:
    """A Deployment with its ReplicaSets; `new` has the wanted template, `old` are the others, oldest first."""

    deployment: StoredObject
    spec: DeploymentSpec
    new: StoredObject
    old: tuple[StoredObject, ...]

    @property
    def sets(self) -> tuple[StoredObject, ...]:
        """All ReplicaSets."""
        return (*self.old, self.new)


class DeploymentController:
    """Rolls Deployments out."""

    def __init__(self, store: ObjectStore, events: EventRecorder, clock: Clock):
        self._store = store
        self._events = events
        self._clock = clock

    def step(self) -> None:
        """Bring every Deployment a step nearer to its template and replicas."""
        for deployment in self._store.objects(DEPLOYMENT):
            self._sync(deployment)

    def _sync(self, deployment: StoredObject) -> None:
        rollout = self._rollout(deployment)
        if rollout is None:
            return
        if rollout.spec.strategy.type == "Recreate":
            self._recreate(rollout)
        else:
            self._scale_new(rollout)
            self._scale_old(rollout)
        current = self._fresh(rollout)
        status = deployment_status(current.deployment, current.new, current.sets, self._clock.now())
        self._store.set_status(current.deployment, status)
        self._drop_history(current)

    def _rollout(self, deployment: StoredObject) -> Rollout | None:
        spec = deployment.spec_as(DeploymentSpec)
        sets = sorted(self._store.owned(REPLICA_SET, deployment), key=revision)
        wanted = template_hash(section(deployment.manifest, "spec", "template"))
        new = next((each for each in sets if each.labels.get(LABEL) == wanted), None)
        if new is None and spec.paused:
            # A paused Deployment keeps to its newest ReplicaSet and starts no other.
            new = sets[-1] if sets else None
        elif new is None:
            if self._store.find(REPLICA_SET, f"{deployment.name}-{wanted}", deployment.namespace):
                return None  # of an earlier Deployment of this name: it goes first
            new = self._create(deployment, spec, wanted, revision(sets[-1]) + 1 if sets else 1)
        elif new is not sets[-1]:
            new = self._annotate(new, {REVISION: str(revision(sets[-1]) + 1)})
        if new is None:
            return None
        if deployment.annotations.get(REVISION) != new.annotations[REVISION]:
            deployment = self._annotate(deployment, {REVISION: new.annotations[REVISION]})
        return Rollout(deployment, spec, new, tuple(each for each in sets if each.uid != new.uid))

    def _create(self, deployment: StoredObject, spec: DeploymentSpec, wanted: str, new_revision: int) -> StoredObject:
        template = labelled(section(deployment.manifest, "spec", "template"), LABEL, wanted)
        selector = section(deployment.manifest, "spec", "selector")
        labels = {**strings(selector, "matchLabels"), LABEL: wanted}
        annotations = {
            key: value for key, value in deployment.annotations.items() if not key.startswith("kubectl.kubernetes.io/")
        } | {REVISION: str(new_revision), DESIRED: str(spec.replicas), MAXIMUM: str(spec.replicas + spec.max_surge)}
        manifest: Manifest = {
            "metadata": {
                "name": f"{deployment.name}-{wanted}",
                "namespace": deployment.namespace,
                "labels": {**section(template, "metadata", "labels")},
                "annotations": {**annotations},
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {"replicas": 0, "selector": {**selector, "matchLabels": {**labels}}, "template": template},
            "status": {"replicas": 0},
        }
        return self._store.create(REPLICA_SET, manifest)

    def _annotate(self, stored: StoredObject, annotations: dict[str, str]) -> StoredObject:
        """As the real controller does it, with the status: the generation stays."""
        metadata: Manifest = {**stored.metadata, "annotations": {**stored.annotations, **annotations}}
        return self._store.set_fields(stored, {"metadata": metadata})

    def _scale_new(self, rollout: Rollout) -> None:
        current, wanted = replicas(rollout.new), rollout.spec.replicas
        if current < wanted:
            room = wanted + rollout.spec.max_surge - sum(map(replicas, rollout.sets))
            wanted = min(wanted, current + max(0, room))
        self._scale(rollout.deployment, rollout.new, wanted)

    def _scale_old(self, rollout: Rollout) -> None:
        minimum = rollout.spec.replicas - rollout.spec.max_unavailable
        new = self._store.get(REPLICA_SET, rollout.new.name, rollout.new.namespace)
        total = sum(map(replicas, rollout.old)) + replicas(new)
        removable = total - minimum - max(0, replicas(new) - available(new))
        removable -= self._remove_broken(rollout, removable)
        spare = sum(map(available, (*rollout.old, new))) - minimum
        for old in rollout.old:
            kept = self._store.get(REPLICA_SET, old.name, old.namespace)
            removed = max(0, min(replicas(kept), removable, spare))
            self._scale(rollout.deployment, kept, replicas(kept) - removed)
            removable, spare = removable - removed, spare - removed

    def _remove_broken(self, rollout: Rollout, removable: int) -> int:
        """Old pods that serve nobody go first, whatever that does to the number of pods."""
        removed = 0
        for old in rollout.old:
            broken = max(0, min(replicas(old) - available(old), removable - removed))
            self._scale(rollout.deployment, old, replicas(old) - broken)
            removed += broken
        return removed

    def _recreate(self, rollout: Rollout) -> None:
        for old in rollout.old:
            self._scale(rollout.deployment, old, 0)
        if all(number(old.status, "replicas") == 0 for old in rollout.old):
            self._scale(rollout.deployment, rollout.new, rollout.spec.replicas)

    def _scale(self, deployment: StoredObject, replica_set: StoredObject, wanted: int) -> None:
        before = replicas(replica_set)
        if before == wanted:
            return
        spec: Manifest = {**replica_set.spec, "replicas": wanted}
        self._store.replace(replica_set, {**replica_set.manifest, "spec": spec})
        direction = "up" if wanted > before else "down"
        message = f"Scaled {direction} replica set {replica_set.name} from {before} to {wanted}"
        self._events.normal(deployment, "ScalingReplicaSet", message, COMPONENT)

    def _fresh(self, rollout: Rollout) -> Rollout:
        def again(stored: StoredObject) -> StoredObject:
            return self._store.get(stored.kind, stored.name, stored.namespace)

        old = tuple(again(each) for each in rollout.old)
        return Rollout(again(rollout.deployment), rollout.spec, again(rollout.new), old)

    def _drop_history(self, rollout: Rollout) -> None:
        finished = [old for old in rollout.old if replicas(old) == 0 and number(old.status, "replicas") == 0]
        for old in finished[: max(0, len(finished) - rollout.spec.revision_history_limit)]:
            self._store.delete(old)


def revision(replica_set: StoredObject) -> int:
    """The rollout revision a ReplicaSet stands for."""
    return int(replica_set.annotations.get(REVISION, "0"))


def replicas(replica_set: StoredObject) -> int:
    """Pods a ReplicaSet is asked to have."""
    return replica_set.spec_as(ReplicaSetSpec).replicas


def available(replica_set: StoredObject) -> int:
    """Pods of a ReplicaSet that serve."""
    return number(replica_set.status, "availableReplicas")
