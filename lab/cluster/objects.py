"""Writing objects to the API server, by server-side apply: again and again to the same effect."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

import yaml
from lightkube import ApiError, Client, KubeConfig
from lightkube.codecs import from_dict
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from pydantic import JsonValue

FIELD_MANAGER = "lab"
NODE_ANNOTATION = "kwok.x-k8s.io/node"
NODES = 6
ZONES = ("zone-a", "zone-b")


class _Applies(Protocol):
    def apply(self, obj: object, *, force: bool) -> object: ...


def client(kubeconfig: Path) -> Client:
    """A client with the identity of a kubeconfig's current context; close it, or use it in a `with`."""
    return Client(config=KubeConfig.from_file(kubeconfig), field_manager=FIELD_MANAGER, trust_env=False)


def apply(kubeconfig: Path, documents: Sequence[JsonValue]) -> None:
    """Apply manifests, in their order. Raises lightkube's ApiError."""
    with client(kubeconfig) as api:
        applying = cast("_Applies", api)
        for document in documents:
            applying.apply(from_dict(cast("dict[str, JsonValue]", document)), force=True)


def define(kubeconfig: Path, manifests: str) -> None:
    """Create CustomResourceDefinitions that are not there yet, and wait until they are served.

    They are not applied: the API server takes seconds to merge a definition as large as Argo CD's. Raises lightkube's
    ApiError.
    """
    # libyaml's loader takes a second for these where Python's takes ten.
    documents = yaml.load_all(manifests, yaml.CSafeLoader)
    definitions = [cast("CustomResourceDefinition", CustomResourceDefinition.from_dict(each)) for each in documents]
    with client(kubeconfig) as api:
        for definition in definitions:
            _create(api, definition)
        for definition in definitions:
            name = definition.metadata.name if definition.metadata else None
            api.wait(CustomResourceDefinition, name or "", for_conditions=("Established",))


def _create(api: Client, definition: CustomResourceDefinition) -> None:
    try:
        api.create(definition)
    except ApiError as exc:
        if exc.status.code != 409:
            raise


def namespace(name: str) -> JsonValue:
    """A namespace's manifest."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def nodes() -> Iterator[JsonValue]:
    """The nodes' manifests: as many in each zone."""
    for number in range(NODES):
        name = f"node-{number}"
        labels: dict[str, JsonValue] = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "topology.kubernetes.io/region": "lab",
            "topology.kubernetes.io/zone": ZONES[number % len(ZONES)],
        }
        metadata: JsonValue = {"name": name, "labels": labels, "annotations": {NODE_ANNOTATION: "fake"}}
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": metadata,
            "spec": {"podCIDR": f"10.244.{number}.0/24", "podCIDRs": [f"10.244.{number}.0/24"]},
        }


__all__ = ["ApiError", "apply", "client", "define", "namespace", "nodes"]
