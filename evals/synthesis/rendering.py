"""Worlds as the API server gives them: a `v1` List's items."""

from collections.abc import Iterator, Mapping

from evals.synthesis import pod_objects
from evals.synthesis.api import api_object, metadata, owner, stamp
from evals.synthesis.shapes import App, Claim, Front, Node, Revision, Template, Volume, selected
from evals.synthesis.world import World
from tools.documents import JsonObject, json_value


def items(world: World) -> tuple[JsonObject, ...]:
    """All objects, events last."""
    return (*_cluster(world), *_namespaced(world), *world.others, *world.events)


def _cluster(world: World) -> Iterator[JsonObject]:
    yield api_object("v1", "Namespace", world, world.system.namespace, scoped=False, status={"phase": "Active"})
    for node in world.nodes:
        yield _node(world, node)
        yield _lease(world, node)
    for name, provisioner in world.storage_classes.items():
        yield api_object("storage.k8s.io/v1", "StorageClass", world, name, scoped=False, provisioner=provisioner)
    yield from (_volume(world, item) for item in world.volumes)


def _namespaced(world: World) -> Iterator[JsonObject]:
    for name in sorted(world.accounts):
        yield api_object("v1", "ServiceAccount", world, name)
    for name, values in world.secrets.items():
        yield api_object("v1", "Secret", world, name, type="Opaque", data=dict.fromkeys(values))
    for name, values in world.config_maps.items():
        yield api_object("v1", "ConfigMap", world, name, data=json_value(dict(values)))
    yield from (_claim(world, item) for item in world.claims)
    for app in world.apps.values():
        yield workload(world, app)
        if app.kind == "Deployment":
            yield from (_replica_set(world, app, revision) for revision in app.revisions)
        yield from (pod_objects.pod(world, app, item) for item in app.pods)
        for front in app.fronts:
            yield service(world, front)
            yield _endpoints(world, app, front)


def _node(world: World, node: Node) -> JsonObject:
    seen = stamp(world.ago(node.heartbeat_ago))
    status, reason, message = node.ready
    conditions = [
        {
            "type": kind,
            "status": "True" if kind in node.pressures else status if status == "Unknown" else "False",
            "reason": node.pressures.get(kind, ("NodeStatusUnknown" if status == "Unknown" else _fine(kind), ""))[0],
            "message": node.pressures.get(
                kind, ("", "Kubelet stopped posting node status." if status == "Unknown" else "")
            )[1],
            "lastHeartbeatTime": seen,
        }
        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure")
    ]
    conditions.append(
        {"type": "Ready", "status": status, "reason": reason, "message": message, "lastHeartbeatTime": seen}
    )
    taints = [*node.taints]
    if node.cordoned:
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    spec: JsonObject = {"unschedulable": True} if node.cordoned else {}
    capacity = {"cpu": node.cpu, "memory": node.memory, "pods": "110"}
    made = api_object(
        "v1", "Node", world, node.name, scoped=False, status={"allocatable": capacity, "conditions": conditions}
    )
    made["metadata"] = {**metadata(world, "Node", node.name, scoped=False), "labels": json_value(dict(node.labels))}
    made["spec"] = {**spec, "taints": json_value(taints)} if taints else spec
    return made


def _fine(kind: str) -> str:
    names = {"MemoryPressure": "HasSufficientMemory", "DiskPressure": "HasNoDiskPressure"}
    return f"Kubelet{names.get(kind, 'HasSufficientPID')}"


def _lease(world: World, node: Node) -> JsonObject:
    renewed = world.ago(node.heartbeat_ago).isoformat(timespec="microseconds").replace("+00:00", "Z")
    lease = api_object(
        "coordination.k8s.io/v1",
        "Lease",
        world,
        node.name,
        scoped=False,
        spec={"holderIdentity": node.name, "renewTime": renewed},
    )
    lease["metadata"] = {**metadata(world, "Lease", node.name, scoped=False), "namespace": "kube-node-lease"}
    return lease


def _claim(world: World, claim: Claim) -> JsonObject:
    spec: JsonObject = {
        "accessModes": json_value(claim.modes),
        "resources": {"requests": {"storage": claim.size}},
        "storageClassName": claim.storage_class,
        "volumeMode": "Filesystem",
    }
    if claim.selector:
        spec["selector"] = {"matchLabels": json_value(claim.selector)}
    if claim.volume:
        spec["volumeName"] = claim.volume
    return api_object(
        "v1",
        "PersistentVolumeClaim",
        world,
        claim.name,
        spec=spec,
        status={"phase": "Bound" if claim.volume else "Pending"},
    )


def _volume(world: World, volume: Volume) -> JsonObject:
    spec: JsonObject = {
        "capacity": {"storage": volume.size},
        "accessModes": json_value(volume.modes),
        "storageClassName": volume.storage_class,
        "persistentVolumeReclaimPolicy": "Retain",
    }
    if volume.claim:
        namespace, name = volume.claim.split("/")
        spec["claimRef"] = {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": name}
    made = api_object(
        "v1",
        "PersistentVolume",
        world,
        volume.name,
        scoped=False,
        spec=spec,
        status={"phase": "Bound" if volume.claim else "Available"},
    )
    made["metadata"] = {
        **metadata(world, "PersistentVolume", volume.name, scoped=False),
        "labels": json_value(volume.labels),
    }
    return made


def workload(world: World, app: App) -> JsonObject:
    """A Deployment or StatefulSet with its status."""
    made = api_object("apps/v1", app.kind, world, app.name, spec=workload_spec(app), status=_status(world, app))
    annotations = {**app.annotations, "deployment.kubernetes.io/revision": str(app.revisions[-1].number)}
    made["metadata"] = {
        **metadata(world, app.kind, app.name, created=app.created),
        "labels": json_value(app.selector),
        "generation": len(app.revisions),
        "annotations": json_value(annotations if app.kind == "Deployment" else dict(app.annotations)),
    }
    return made


def workload_spec(app: App) -> JsonObject:
    """The spec, which is also what Git holds."""
    return {
        "replicas": app.replicas,
        "selector": {"matchLabels": json_value(app.selector)},
        "template": template(app.template),
    }


def template(found: Template) -> JsonObject:
    """A pod template."""
    made: JsonObject = {"labels": json_value(dict(found.labels))}
    if found.annotations:
        made["annotations"] = json_value(dict(found.annotations))
    return {"metadata": made, "spec": pod_objects.spec(found)}


def _status(world: World, app: App) -> JsonObject:
    ready = sum(pod.ready for pod in app.pods)
    newest = [pod for pod in app.pods if pod.template is app.template]
    found: JsonObject = {
        "replicas": len(app.pods),
        "updatedReplicas": len(newest),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "observedGeneration": len(app.revisions),
    }
    if app.kind == "Deployment":
        found["conditions"] = json_value(list(_conditions(world, app, ready)))
    return {key: value for key, value in found.items() if value}


def _conditions(world: World, app: App, ready: int) -> Iterator[Mapping[str, str]]:
    enough = ready >= app.replicas - app.replicas // 4
    yield {
        "type": "Available",
        "status": "True" if enough else "False",
        "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if enough else 'does not have'} minimum availability.",
        "lastTransitionTime": stamp(app.created if enough else world.onset),
    }
    name = f"{app.name}-{app.revisions[-1].hash}"
    done = all(pod.ready for pod in app.pods) and len(app.pods) == app.replicas
    yield {
        "type": "Progressing",
        "status": "True",
        "reason": "NewReplicaSetAvailable" if done else "ReplicaSetUpdated",
        "message": f'ReplicaSet "{name}" {"has successfully progressed" if done else "is progressing"}.',
        "lastTransitionTime": stamp(app.revisions[-1].created),
    }
    if app.refusal:
        yield {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": app.refusal}


def _replica_set(world: World, app: App, revision: Revision) -> JsonObject:
    name = f"{app.name}-{revision.hash}"
    mine = [pod for pod in app.pods if pod.owner == name]
    selector = {**app.selector, "pod-template-hash": revision.hash}
    made = api_object(
        "apps/v1",
        "ReplicaSet",
        world,
        name,
        spec={
            "replicas": revision.desired,
            "selector": {"matchLabels": selector},
            "template": template(revision.template),
        },
        status={"replicas": len(mine), "readyReplicas": sum(pod.ready for pod in mine)},
    )
    made["metadata"] = {
        **metadata(world, "ReplicaSet", name, created=revision.created),
        "labels": json_value({**revision.template.labels, "pod-template-hash": revision.hash}),
        "annotations": {"deployment.kubernetes.io/revision": str(revision.number)},
        "ownerReferences": [owner(world, app.kind, app.name)],
    }
    return made


def service(world: World, front: Front) -> JsonObject:
    """A Service."""
    ports = [
        {"name": item.name, "port": item.port, "targetPort": item.target, "protocol": item.protocol}
        for item in front.ports
    ]
    address = "None" if front.headless else front.ip
    spec = {"type": "ClusterIP", "clusterIP": address, "selector": front.selector, "ports": ports}
    return api_object("v1", "Service", world, front.name, spec=spec)


def _endpoints(world: World, app: App, front: Front) -> JsonObject:
    pods = [pod for pod in selected(front, app.pods) if not pod.silent and pod.node and not pod.unschedulable]
    ready = [{"ip": pod.ip, "nodeName": pod.node} for pod in pods if pod.ready]
    waiting = [{"ip": pod.ip, "nodeName": pod.node} for pod in pods if not pod.ready]
    ports = [{"name": item.name, "port": _number(app, item.target), "protocol": item.protocol} for item in front.ports]
    subset: JsonObject = {"ports": json_value(ports)}
    if ready:
        subset["addresses"] = json_value(ready)
    if waiting:
        subset["notReadyAddresses"] = json_value(waiting)
    return api_object("v1", "Endpoints", world, front.name, subsets=[subset] if pods else [])


def _number(app: App, target: int | str) -> int:
    return target if isinstance(target, int) else app.template.main.port or 0
