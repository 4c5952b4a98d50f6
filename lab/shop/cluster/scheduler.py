"""The scheduler: gives each new pod the node with the fewest pods."""

from collections import Counter

from lab.shop.cluster.events import EventRecorder
from lab.shop.cluster.kinds import NODE, POD
from lab.shop.cluster.objects import text
from lab.shop.cluster.store import ObjectStore


class Scheduler:
    """Binds pods to nodes."""

    def __init__(self, store: ObjectStore, events: EventRecorder):
        self._store = store
        self._events = events

    def step(self) -> None:
        """Bind every pod that has no node yet."""
        pods = self._store.objects(POD)
        unbound = [pod for pod in pods if not text(pod.spec, "nodeName") and not pod.deleting]
        if not unbound:
            return
        load = Counter({node.name: 0 for node in self._store.objects(NODE)})
        load.update(node for pod in pods if (node := text(pod.spec, "nodeName")))
        for pod in unbound:
            node = min(load, key=lambda name: (load[name], name))
            load[node] += 1
            self._store.replace(pod, {**pod.manifest, "spec": {**pod.spec, "nodeName": node}})
            where = f"Successfully assigned {pod.namespace}/{pod.name} to {node}"
            self._events.normal(pod, "Scheduled", where, "default-scheduler")
