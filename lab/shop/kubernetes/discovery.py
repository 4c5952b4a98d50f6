"""Discovery: which groups, versions and resources the server has.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from pydantic import JsonValue

from lab.shop.cluster.kinds import KINDS, Kind
from lab.shop.cluster.objects import Manifest
from lab.shop.seed import VERSION

_REVIEW: Manifest = {
    "name": "selfsubjectaccessreviews",
    "singularName": "",
    "namespaced": False,
    "kind": "SelfSubjectAccessReview",
    "verbs": ["create"],
}


def version_info() -> Manifest:
    """`/version`."""
    major, minor, _ = VERSION.removeprefix("v").split(".")
    return {"major": major, "minor": minor, "gitVersion": VERSION, "platform": "linux/amd64"}


def core_versions(address: str) -> Manifest:
    """`/api`."""
    addresses: list[JsonValue] = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def groups() -> Manifest:
    """`/apis`."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*pair) for pair in _group_versions()]}


def group(name: str) -> Manifest | None:
    """`/apis/{group}`; None for a group there is not."""
    found = next((pair for pair in _group_versions() if pair[0] == name), None)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(*found)} if found else None


def resources(group_name: str, version: str) -> Manifest | None:
    """`/api/v1` and `/apis/{group}/{version}`; None for a pair there is not."""
    kinds = [kind for kind in KINDS if (kind.group, kind.version) == (group_name, version)]
    listed = [entry for kind in kinds for entry in _entries(kind)]
    if (group_name, version) == ("authorization.k8s.io", "v1"):
        listed = [_REVIEW]
    if not listed:
        return None
    group_version = f"{group_name}/{version}" if group_name else version
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": list[JsonValue](listed),
    }


def _group_versions() -> list[tuple[str, str]]:
    found = {kind.group: kind.version for kind in KINDS if kind.group} | {"authorization.k8s.io": "v1"}
    return sorted(found.items())


def _group(name: str, version: str) -> Manifest:
    entry: Manifest = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [entry], "preferredVersion": entry}


def _entries(kind: Kind) -> list[Manifest]:
    entry: Manifest = {
        "name": kind.plural,
        "singularName": kind.name.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.name,
        "verbs": list[JsonValue](kind.verbs),
        "shortNames": list[JsonValue](kind.short_names),
    }
    return [entry, *_subresources(kind)]


def _subresources(kind: Kind) -> list[Manifest]:
    common: Manifest = {"singularName": "", "namespaced": True}
    if kind.scalable:
        scale: Manifest = {"name": f"{kind.plural}/scale", "kind": "Scale", "group": "autoscaling", "version": "v1"}
        return [{**common, **scale, "verbs": ["get", "patch", "update"]}]
    if kind.plural == "pods":
        return [{**common, "name": "pods/log", "kind": "Pod", "verbs": ["get"]}]
    return []
