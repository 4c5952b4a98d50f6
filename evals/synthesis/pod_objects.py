"""Pods and pod specs as the API server gives them."""

from collections.abc import Iterator

from evals.synthesis.api import metadata, owner, stamp
from evals.synthesis.shapes import App, Container, ContainerState, Ended, Pod, Probe, Template
from evals.synthesis.world import World
from tools.documents import JsonObject, json_value

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - where every pod finds its API token


def spec(template: Template) -> JsonObject:
    """A pod spec, without what only a placed pod has."""
    made: JsonObject = {
        "serviceAccountName": template.service_account,
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "containers": json_value([container(item) for item in template.containers]),
    }
    if template.init:
        made["initContainers"] = json_value([container(item) for item in template.init])
    if template.volumes:
        made["volumes"] = json_value(list(template.volumes))
    return {**made, **template.extra}


def container(found: Container) -> JsonObject:
    """A container of a pod spec."""
    made: JsonObject = {"name": found.name, "image": found.image, "imagePullPolicy": "IfNotPresent"}
    if found.port is not None:
        made["ports"] = [{"containerPort": found.port, "protocol": found.port_protocol}]
    if found.env or found.secret_env:
        made["env"] = json_value([*_plain(found), *_from_secrets(found)])
    sources = [{"secretRef": {"name": name}} for name in found.env_from]
    sources += [{"configMapRef": {"name": name}} for name in found.map_from]
    if sources:
        made["envFrom"] = json_value(sources)
    made["resources"] = {"requests": json_value(found.requests), "limits": json_value(found.limits)}
    for kind, probe in (("livenessProbe", found.liveness), ("readinessProbe", found.readiness)):
        if probe:
            made[kind] = _probe(probe)
    if found.command:
        made["command"] = json_value(found.command)
    if found.mounts:
        made["volumeMounts"] = json_value([{"name": name, "mountPath": path} for name, path in found.mounts.items()])
    return made


def _plain(found: Container) -> Iterator[JsonObject]:
    return ({"name": name, "value": value} for name, value in found.env.items())


def _from_secrets(found: Container) -> Iterator[JsonObject]:
    for name, (secret, key) in found.secret_env.items():
        yield {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def _probe(probe: Probe) -> JsonObject:
    timing: JsonObject = {
        "initialDelaySeconds": probe.initial,
        "periodSeconds": probe.period,
        "failureThreshold": probe.failures,
        "timeoutSeconds": probe.timeout,
        "successThreshold": 1,
    }
    match probe.kind:
        case "http":
            return {"httpGet": {"path": probe.path, "port": probe.port, "scheme": "HTTP"}, **timing}
        case "grpc":
            return {"grpc": {"port": probe.port, "service": ""}, **timing}
        case "tcp":
            return {"tcpSocket": {"port": probe.port}, **timing}


def pod(world: World, app: App, found: Pod) -> JsonObject:
    """A pod with its status."""
    kind = "StatefulSet" if app.kind == "StatefulSet" else "ReplicaSet"
    meta = metadata(world, "Pod", found.name, created=found.created)
    labels = {**found.template.labels, "pod-template-hash": found.owner.rpartition("-")[2]}
    meta["labels"] = json_value(labels if kind == "ReplicaSet" else dict(found.template.labels))
    meta["ownerReferences"] = [owner(world, kind, found.owner)]
    if found.template.annotations:
        meta["annotations"] = json_value(dict(found.template.annotations))
    body = _mounting_token(spec(found.template))
    if found.node:
        body["nodeName"] = found.node
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": body, "status": _status(world, found)}


def _mounting_token(body: JsonObject) -> JsonObject:
    """The spec with what admission adds to every pod."""
    volumes = body.get("volumes")
    token: JsonObject = {"name": "kube-api-access", "projected": {"sources": []}}
    return {**body, "volumes": [*volumes, token] if isinstance(volumes, list) else [token]}


def _status(world: World, found: Pod) -> JsonObject:
    status: JsonObject = {"phase": found.phase, "conditions": json_value(list(_conditions(world, found)))}
    if found.reason:
        status |= {"reason": found.reason, "message": found.message}
    if found.node and found.phase != "Failed":
        status |= {"podIP": found.ip, "startTime": stamp(found.created)}
        images = {item.name: item.image for item in (*found.template.containers, *found.template.init)}
        status["containerStatuses"] = json_value([container_status(world, item, images) for item in found.containers])
        if found.init:
            status["initContainerStatuses"] = json_value([container_status(world, item, images) for item in found.init])
    return status


def _conditions(world: World, found: Pod) -> Iterator[JsonObject]:
    if found.silent:
        return
    if found.unschedulable:
        yield {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": found.unschedulable}
        return
    began = all(item.ready for item in found.init)
    since = stamp(found.created)
    yield {"type": "PodScheduled", "status": "True", "lastTransitionTime": since}
    yield {"type": "Initialized", "status": "True" if began else "False", "lastTransitionTime": since}
    unready = [item.name for item in found.containers if not item.ready]
    for kind in ("Ready", "ContainersReady"):
        condition: JsonObject = {
            "type": kind,
            "status": "True" if found.ready else "False",
            "lastTransitionTime": since,
        }
        if unready:
            condition |= {
                "reason": "ContainersNotReady",
                "message": f"containers with unready status: [{' '.join(unready)}]",
            }
            condition["lastTransitionTime"] = stamp(world.onset)
        yield condition


def container_status(world: World, found: ContainerState, images: dict[str, str]) -> JsonObject:
    """A container as the kubelet reports it."""
    state: JsonObject = {}
    if found.running:
        state["running"] = {"startedAt": stamp(found.running)}
    elif found.waiting:
        reason, message = found.waiting
        state["waiting"] = {"reason": reason, "message": message} if message else {"reason": reason}
    elif found.ended:
        state["terminated"] = _ended(found.ended)
    return {
        "name": found.name,
        "image": images.get(found.name, ""),
        "imageID": f"sha256:{world.uid('image', images.get(found.name, '')).replace('-', '')}",
        "ready": found.ready,
        "started": found.running is not None,
        "restartCount": found.restarts,
        "state": state,
        "lastState": {"terminated": _ended(found.last)} if found.last else {},
    }


def _ended(found: Ended) -> JsonObject:
    made: JsonObject = {
        "exitCode": found.code,
        "reason": found.reason,
        "startedAt": stamp(found.started),
        "finishedAt": stamp(found.finished),
    }
    return {**made, "message": found.message} if found.message else made
