"""What a synthetic cluster is made of, as faults change it. `rendering` turns it into API objects."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from evals.synthesis.systems import Component
from tools.documents import JsonObject


@dataclass
class Probe:
    """A probe and its timing in seconds."""

    kind: Literal["http", "grpc", "tcp"]
    port: int | str
    path: str = "/healthz"
    initial: int = 5
    period: int = 10
    failures: int = 3
    timeout: int = 1


@dataclass
class Container:
    """A container of a template. `env_from` and `secret_env` name Secrets, `map_from` ConfigMaps."""

    name: str
    image: str
    port: int | None = None
    port_protocol: str = "TCP"
    env: dict[str, str] = field(default_factory=dict[str, str])
    secret_env: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    env_from: list[str] = field(default_factory=list[str])
    map_from: list[str] = field(default_factory=list[str])
    requests: dict[str, str] = field(default_factory=dict[str, str])
    limits: dict[str, str] = field(default_factory=dict[str, str])
    liveness: Probe | None = None
    readiness: Probe | None = None
    command: list[str] = field(default_factory=list[str])
    mounts: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Template:
    """What pods are made from. `extra` is merged into the pod spec as it is."""

    labels: dict[str, str]
    containers: list[Container]
    init: list[Container] = field(default_factory=list[Container])
    annotations: dict[str, str] = field(default_factory=dict[str, str])
    service_account: str = "default"
    volumes: list[JsonObject] = field(default_factory=list[JsonObject])
    extra: JsonObject = field(default_factory=dict[str, JsonValue])

    @property
    def main(self) -> Container:
        """The application's own container."""
        return self.containers[0]


@dataclass
class Ended:
    """How a container ended."""

    code: int
    reason: str
    started: datetime
    finished: datetime
    message: str = ""


@dataclass
class ContainerState:
    """A container as the kubelet reports it: running since, else waiting, else ended."""

    name: str
    running: datetime | None = None
    waiting: tuple[str, str] | None = None
    ended: Ended | None = None
    last: Ended | None = None
    restarts: int = 0
    ready: bool = True


@dataclass
class Pod:
    """A pod. `unschedulable` is the scheduler's verdict; `silent` means that no scheduler has looked at it."""

    name: str
    template: Template
    owner: str
    created: datetime
    node: str
    ip: str
    containers: list[ContainerState]
    init: list[ContainerState] = field(default_factory=list[ContainerState])
    phase: str = "Running"
    unschedulable: str = ""
    silent: bool = False
    unreachable: bool = False
    reason: str = ""
    message: str = ""

    @property
    def ready(self) -> bool:
        """Whether it gets traffic."""
        running = self.phase == "Running" and bool(self.containers) and not self.unreachable
        return running and all(item.ready for item in self.containers)

    @property
    def main(self) -> ContainerState:
        """The application's own container."""
        return self.containers[0]


@dataclass
class Revision:
    """One template a Deployment has had, and how many pods of it there should be."""

    number: int
    hash: str
    template: Template
    created: datetime
    desired: int


@dataclass
class PortMap:
    """A port of a Service."""

    name: str
    port: int
    target: int | str
    protocol: str = "TCP"


@dataclass
class Front:
    """A Service."""

    name: str
    selector: dict[str, str]
    ports: list[PortMap]
    ip: str
    headless: bool = False


@dataclass
class App:
    """A workload with its revisions, pods and Services."""

    component: Component
    kind: Literal["Deployment", "StatefulSet"]
    replicas: int
    revisions: list[Revision]
    pods: list[Pod]
    fronts: list[Front]
    created: datetime
    refusal: str = ""
    annotations: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def name(self) -> str:
        """The workload's name."""
        return self.component.name

    @property
    def template(self) -> Template:
        """The present template."""
        return self.revisions[-1].template

    @property
    def selector(self) -> dict[str, str]:
        """What its pods are known by: the first label, which never changes."""
        return dict([next(iter(self.revisions[0].template.labels.items()))])

    @property
    def serving(self) -> bool:
        """Whether a pod that its Services select is ready."""
        return any(pod.ready for front in self.fronts for pod in selected(front, self.pods))


def selected(front: Front, pods: list[Pod]) -> Iterator[Pod]:
    """The pods whose labels the Service selects."""
    wanted = front.selector.items()
    return (pod for pod in pods if wanted <= pod.template.labels.items())


@dataclass
class Node:
    """A node. `ready` is the condition's status, reason and message."""

    name: str
    control_plane: bool
    labels: dict[str, str]
    cpu: str
    memory: str
    taints: list[JsonObject] = field(default_factory=list[JsonObject])
    cordoned: bool = False
    ready: tuple[str, str, str] = ("True", "KubeletReady", "kubelet is posting ready status")
    pressures: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    heartbeat_ago: float = 5.0
    units: dict[str, bool] = field(default_factory=dict[str, bool])


@dataclass
class Claim:
    """A claim on a volume; `volume` is the one it is bound to."""

    name: str
    size: str
    storage_class: str
    modes: list[str] = field(default_factory=lambda: ["ReadWriteOnce"])
    selector: dict[str, str] = field(default_factory=dict[str, str])
    volume: str = ""


@dataclass
class Volume:
    """A volume; `claim` is `namespace/name` of the claim that holds it."""

    name: str
    size: str
    storage_class: str
    modes: list[str] = field(default_factory=lambda: ["ReadWriteOnce"])
    labels: dict[str, str] = field(default_factory=dict[str, str])
    claim: str = ""
