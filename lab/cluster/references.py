"""`python -m lab.cluster.references`: what kwok cannot see of a kubelet's work: whether what a pod needs is there.

A pod that names a Secret or a ConfigMap starts only when its annotation says that all of them were found; until then
its status and events are a kubelet's. What is missing from the environment gives CreateContainerConfigError, what is
missing from a volume FailedMount.
"""

import logging
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, cast

import httpx2
import typer
from lightkube import ALL_NS, ApiError, Client
from lightkube.resources.core_v1 import ConfigMap, Event, Pod, Secret
from lightkube.types import PatchType
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from lab.cluster.objects import client
from lab.cluster.stages import CONFIGURATION
from lab.process import interruptible
from lab.shop.cluster.environment import ContainerConfigError, resolved_environment
from lab.shop.cluster.kinds import SECRET, Kind
from lab.shop.cluster.objects import Manifest, StoredObject
from lab.shop.cluster.views import Container

LOOK_S = 0.3
RETRY_S = 5.0
_LOG = logging.getLogger(__name__)


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class _Source(_Wire):
    """A volume's Secret (`secretName`) or ConfigMap (`name`)."""

    name: str = ""
    secret_name: str = ""
    optional: bool | None = None


class _Volume(_Wire):
    name: str
    secret: _Source | None = None
    config_map: _Source | None = None


class _Spec(_Wire):
    containers: list[Container]
    volumes: list[_Volume] = Field(default_factory=list[_Volume])
    node_name: str = ""


class _Metadata(_Wire):
    name: str
    namespace: str
    uid: str
    annotations: dict[str, str] = Field(default_factory=dict)


class _Status(_Wire):
    pod_ip: str | None = Field(default=None, alias="podIP")


class _Pod(_Wire):
    metadata: _Metadata
    spec: _Spec
    status: _Status = _Status()

    @property
    def undecided(self) -> bool:
        """Its node has accepted it (which writes a status of its own), and it has not been found complete."""
        return bool(self.status.pod_ip) and CONFIGURATION not in self.metadata.annotations


class _Found:
    """Secrets and ConfigMaps, each read when it is asked for."""

    def __init__(self, api: Client) -> None:
        self._api = api

    def find(self, kind: Kind, name: str, namespace: str = "") -> StoredObject | None:
        """The object of that name, or None."""
        try:
            found = self._api.get(Secret if kind == SECRET else ConfigMap, name, namespace=namespace)
        except ApiError as exc:
            if exc.status.code == 404:
                return None
            raise
        return StoredObject(kind, cast("Manifest", found.to_dict()))


class References:
    """Looks at the pods that have not started."""

    def __init__(self, api: Client) -> None:
        self._api = api
        self._found = _Found(api)
        self._complained: dict[tuple[str, str], float] = {}
        self._counts: dict[str, int] = {}

    def step(self) -> None:
        """Let those start whose references are there; say of the others what is missing."""
        for listed in self._api.list(Pod, namespace=ALL_NS, fields={"status.phase": "Pending"}):
            pod = _Pod.model_validate(listed.to_dict())
            if pod.undecided:
                self._decide(pod)

    def _decide(self, pod: _Pod) -> None:
        missing = next(self._missing_volumes(pod), None)
        if missing is not None:
            self._complain(pod, "FailedMount", missing)
            return
        try:
            for container in pod.spec.containers:
                resolved_environment(container, pod.metadata.namespace, self._found)
        except ContainerConfigError as exc:
            self._refuse(pod, str(exc))
            return
        self._patch(pod, {"metadata": {"annotations": {CONFIGURATION: "resolved"}}})

    def _missing_volumes(self, pod: _Pod) -> Iterator[str]:
        for volume in pod.spec.volumes:
            for source, what, resource in (
                (volume.secret, "secret", Secret),
                (volume.config_map, "configmap", ConfigMap),
            ):
                if source is None or source.optional:
                    continue
                name = source.secret_name or source.name
                if not self._exists(resource, name, pod.metadata.namespace):
                    yield f'MountVolume.SetUp failed for volume "{volume.name}" : {what} "{name}" not found'

    def _exists(self, resource: type[Secret] | type[ConfigMap], name: str, namespace: str) -> bool:
        try:
            self._api.get(resource, name, namespace=namespace)
        except ApiError as exc:
            if exc.status.code == 404:
                return False
            raise
        return True

    def _refuse(self, pod: _Pod, message: str) -> None:
        if not self._complain(pod, "Failed", f"Error: {message}"):
            return
        state = {"waiting": {"reason": "CreateContainerConfigError", "message": message}}
        statuses = [
            {"name": each.name, "image": each.image, "imageID": "", "ready": False, "restartCount": 0, "state": state}
            for each in pod.spec.containers
        ]
        self._patch(pod, {"status": {"containerStatuses": cast("JsonValue", statuses)}})

    def _patch(self, pod: _Pod, patch: dict[str, JsonValue]) -> None:
        where = pod.metadata
        resource = Pod.Status if "status" in patch else Pod
        try:
            self._api.patch(resource, where.name, patch, namespace=where.namespace, patch_type=PatchType.MERGE)
        except ApiError as exc:
            if exc.status.code != 404:  # the pod may be gone by now
                raise

    def _complain(self, pod: _Pod, reason: str, message: str) -> bool:
        """Write or repeat an event; False when the same was said a moment ago."""
        key = (pod.metadata.uid, message)
        if time.monotonic() - self._complained.get(key, -RETRY_S) < RETRY_S:
            return False
        self._complained[key] = time.monotonic()
        name = f"{pod.metadata.name}.{abs(hash(key)):016x}"
        self._counts[name] = self._counts.get(name, 0) + 1
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        repeated: dict[str, JsonValue] = {"count": self._counts[name], "lastTimestamp": now}
        if self._counts[name] > 1:
            self._api.patch(Event, name, repeated, namespace=pod.metadata.namespace, patch_type=PatchType.MERGE)
        else:
            event = {**_event(pod, name, reason, message), **repeated, "firstTimestamp": now}
            self._api.create(cast("Event", Event.from_dict(event)))
        return True


def _event(pod: _Pod, name: str, reason: str, message: str) -> dict[str, JsonValue]:
    where = pod.metadata
    involved = {"apiVersion": "v1", "kind": "Pod", "name": where.name, "namespace": where.namespace, "uid": where.uid}
    return {
        "metadata": {"name": name, "namespace": where.namespace},
        "involvedObject": cast("JsonValue", involved),
        "type": "Warning",
        "reason": reason,
        "message": message,
        "source": {"component": "kubelet", "host": pod.spec.node_name},
        "reportingComponent": "kubelet",
        "reportingInstance": pod.spec.node_name,
    }


def main(kubeconfig: Annotated[Path, typer.Option(help="The nodes' identity.")]) -> None:
    """Look after the pods until SIGTERM; an API server that is away is waited for."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    references = References(client(kubeconfig))
    with interruptible():
        while True:
            try:
                references.step()
            except (ApiError, httpx2.HTTPError) as exc:
                _LOG.warning("%s", exc)
                time.sleep(1)
            time.sleep(LOOK_S)


if __name__ == "__main__":
    try:
        typer.run(main)
    except KeyboardInterrupt:
        raise SystemExit(0) from None
