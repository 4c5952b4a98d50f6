"""What a cluster holds before anything is deployed: namespaces, nodes, storage, the way in."""

from pydantic import JsonValue

from lab.shop.cluster.kinds import (
    INGRESS,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    SECRET,
    SERVICE_ACCOUNT,
    STORAGE_CLASS,
    VOLUME,
    VOLUME_CLAIM,
    Kind,
)
from lab.shop.cluster.objects import Manifest
from lab.shop.cluster.store import ObjectStore
from lab.shop.topology import ENTRY
from lab.shop.topology import NAMESPACE as SHOP

VERSION = "v1.33.6"
NODES = ("node-1", "node-2", "node-3")
# Base64 of "not-a-real-secret": there is none in the shop.
_PLACEHOLDER = "bm90LWEtcmVhbC1zZWNyZXQ="


def seed_cluster(store: ObjectStore) -> None:
    """Create the objects nobody deploys."""
    for name in ("default", "kube-system", "argocd", SHOP):
        _create(store, NAMESPACE, name, {"status": {"phase": "Active"}}, labels={"kubernetes.io/metadata.name": name})
        _create(store, SERVICE_ACCOUNT, "default", {}, namespace=name)
    for index, name in enumerate(NODES, start=1):
        _create(store, NODE, name, _node(index), labels={"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"})
    for name in ("orders-db", "acquirer-api"):
        fields: Manifest = {"type": "Opaque", "data": {"username": _PLACEHOLDER, "password": _PLACEHOLDER}}
        _create(store, SECRET, name, fields, namespace=SHOP)
    _seed_storage(store)
    _create(store, INGRESS, "shop", {"spec": _ingress()}, namespace=SHOP)
    _create(store, NETWORK_POLICY, "allow-within-shop", {"spec": _network_policy()}, namespace=SHOP)


def _create(
    store: ObjectStore,
    kind: Kind,
    name: str,
    fields: Manifest,
    *,
    namespace: str = "",
    labels: dict[str, str] | None = None,
) -> None:
    metadata: Manifest = {"name": name, "labels": {**(labels or {})}}
    if namespace:
        metadata["namespace"] = namespace
    store.create(kind, {"metadata": metadata, **fields})


def _node(index: int) -> Manifest:
    size: Manifest = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    conditions: list[JsonValue] = [
        {"type": "MemoryPressure", "status": "False", "reason": "KubeletHasSufficientMemory"},
        {"type": "DiskPressure", "status": "False", "reason": "KubeletHasNoDiskPressure"},
        {"type": "PIDPressure", "status": "False", "reason": "KubeletHasSufficientPID"},
        {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"},
    ]
    addresses: list[JsonValue] = [
        {"type": "InternalIP", "address": f"192.168.10.{index}"},
        {"type": "Hostname", "address": f"node-{index}"},
    ]
    status: Manifest = {"capacity": size, "allocatable": size, "conditions": conditions, "addresses": addresses}
    status["nodeInfo"] = _node_info(index)
    return {"spec": {"podCIDR": f"10.244.{index}.0/24"}, "status": status}


def _node_info(index: int) -> Manifest:
    machine = f"{index:032x}"
    return {
        "architecture": "amd64",
        "bootID": f"{machine[:8]}-0000-4000-8000-{machine[-12:]}",
        "containerRuntimeVersion": "containerd://2.1.4",
        "kernelVersion": "6.1.0-41-amd64",
        "kubeProxyVersion": "",
        "kubeletVersion": VERSION,
        "machineID": machine,
        "operatingSystem": "linux",
        "osImage": "Debian GNU/Linux 12 (bookworm)",
        "systemUUID": machine,
    }


def _seed_storage(store: ObjectStore) -> None:
    storage_class: Manifest = {"provisioner": "csi.shop.example", "reclaimPolicy": "Delete"}
    _create(store, STORAGE_CLASS, "standard", {**storage_class, "volumeBindingMode": "Immediate"})
    size: Manifest = {"storage": "1Gi"}
    modes: list[JsonValue] = ["ReadWriteOnce"]
    volume: Manifest = {"capacity": size, "accessModes": modes, "storageClassName": "standard"}
    claim: Manifest = {"namespace": SHOP, "name": "data-cart-store-0"}
    _create(store, VOLUME, "pv-cart-store-0", {"spec": {**volume, "claimRef": claim}, "status": {"phase": "Bound"}})
    spec: Manifest = {"accessModes": modes, "resources": {"requests": size}, "storageClassName": "standard"}
    status: Manifest = {"phase": "Bound", "accessModes": modes, "capacity": size}
    fields: Manifest = {"spec": {**spec, "volumeName": "pv-cart-store-0"}, "status": status}
    _create(store, VOLUME_CLAIM, "data-cart-store-0", fields, namespace=SHOP)


def _ingress() -> Manifest:
    backend: Manifest = {"service": {"name": ENTRY, "port": {"name": "http"}}}
    path: Manifest = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {"ingressClassName": "nginx", "rules": [{"host": "shop.example", "http": {"paths": [path]}}]}


def _network_policy() -> Manifest:
    same_namespace: Manifest = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SHOP}}}
    return {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [same_namespace]}]}
