"""The resource tree: what the tracked objects own, down to the pods."""

from pydantic import JsonValue

from lab.shop.argocd.applications import Comparison
from lab.shop.argocd.health import health_of
from lab.shop.cluster.deployments import REVISION
from lab.shop.cluster.kinds import ENDPOINT_SLICE, ENDPOINTS, POD, REPLICA_SET
from lab.shop.cluster.objects import Manifest, StoredObject, items, number, section, text
from lab.shop.cluster.store import ObjectStore

_OWNED = (REPLICA_SET, POD, ENDPOINTS, ENDPOINT_SLICE)


def resource_tree(store: ObjectStore, compared: list[Comparison]) -> Manifest:
    """`v1alpha1.ApplicationTree` of an application's live resources."""
    nodes: list[JsonValue] = []
    for comparison in compared:
        if comparison.live:
            nodes += _nodes(store, comparison.live, None)
    return {"nodes": nodes}


def _nodes(store: ObjectStore, stored: StoredObject, parent: StoredObject | None) -> list[JsonValue]:
    nodes: list[JsonValue] = [_node(stored, parent)]
    for kind in _OWNED:
        for child in store.owned(kind, stored):
            nodes += _nodes(store, child, stored)
    return nodes


def _node(stored: StoredObject, parent: StoredObject | None) -> Manifest:
    node: Manifest = {
        **_reference(stored),
        "version": stored.kind.version,
        "resourceVersion": stored.resource_version,
        "createdAt": text(stored.metadata, "creationTimestamp"),
    }
    if parent:
        node["parentRefs"] = [_reference(parent)]
    if health := health_of(stored):
        node["health"] = health.model_dump(mode="json", by_alias=True, exclude_none=True)
    if info := _info(stored):
        node["info"] = info
    if images := _images(stored):
        node["images"] = images
    return node


def _reference(stored: StoredObject) -> Manifest:
    return {
        "group": stored.kind.group,
        "kind": stored.kind.name,
        "namespace": stored.namespace,
        "name": stored.name,
        "uid": stored.uid,
    }


def _info(stored: StoredObject) -> list[JsonValue]:
    if stored.kind is REPLICA_SET:
        return [{"name": "Revision", "value": f"Rev:{stored.annotations.get(REVISION, '')}"}]
    if stored.kind is not POD:
        return []
    statuses = items(stored.status, "containerStatuses")
    ready = sum(status.get("ready") is True for status in statuses)
    info: list[JsonValue] = [
        {"name": "Status Reason", "value": _reason(stored, statuses)},
        {"name": "Node", "value": text(stored.spec, "nodeName")},
        {"name": "Containers", "value": f"{ready}/{len(statuses)}"},
    ]
    restarts = sum(number(status, "restartCount") for status in statuses)
    return [*info, {"name": "Restart Count", "value": str(restarts)}] if restarts else info


def _reason(stored: StoredObject, statuses: list[Manifest]) -> str:
    if stored.deleting:
        return "Terminating"
    waiting = [text(section(status, "state", "waiting"), "reason") for status in statuses]
    return next((reason for reason in waiting if reason), text(stored.status, "phase"))


def _images(stored: StoredObject) -> list[JsonValue]:
    return [text(container, "image") for container in items(stored.spec, "containers")] if stored.kind is POD else []
