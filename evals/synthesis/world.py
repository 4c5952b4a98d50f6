"""A synthetic system at one moment: healthy when made, then changed by a fault."""

import copy
import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from evals.labels import Label, healthy
from evals.synthesis.shapes import (
    App,
    Claim,
    ContainerState,
    Ended,
    Front,
    Node,
    Pod,
    PortMap,
    Revision,
    Template,
    Volume,
)
from evals.synthesis.systems import Component, System
from evals.synthesis.telemetry import Telemetry
from evals.synthesis.templates import template_of
from tools.documents import JsonObject

_SAFE = "bcdfghjklmnpqrstvwxz2456789"
"""The letters Kubernetes makes random names from: no vowels, no look-alikes."""
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
UNITS = ("kubelet.service", "containerd.service", "kube-proxy.service")


@dataclass
class World:
    """Everything there is. Faults happen at `onset`; `now` is when somebody looks."""

    system: System
    dice: random.Random
    now: datetime
    onset: datetime
    nodes: list[Node] = field(default_factory=list[Node])
    apps: dict[str, App] = field(default_factory=dict[str, App])
    claims: list[Claim] = field(default_factory=list[Claim])
    volumes: list[Volume] = field(default_factory=list[Volume])
    storage_classes: dict[str, str] = field(default_factory=dict[str, str])
    config_maps: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    secrets: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    accounts: set[str] = field(default_factory=set[str])
    others: list[JsonObject] = field(default_factory=list[JsonObject])
    events: list[JsonObject] = field(default_factory=list[JsonObject])
    manifests: dict[str, str] = field(default_factory=dict[str, str])
    active_alerts: list[JsonObject] = field(default_factory=list[JsonObject])
    telemetry: Telemetry = field(default_factory=Telemetry)
    label: Label = field(default_factory=healthy)

    def ago(self, seconds: float) -> datetime:
        """That many seconds before now."""
        return self.now - timedelta(seconds=seconds)

    def after(self, seconds: float) -> datetime:
        """That many seconds after the onset."""
        return self.onset + timedelta(seconds=seconds)

    def suffix(self, length: int = 5) -> str:
        """The random end of a name."""
        return "".join(self.dice.choices(_SAFE, k=length))

    def ip(self) -> str:
        """An address in the pods' range."""
        return f"10.244.{self.dice.randint(1, 3)}.{self.dice.randint(2, 250)}"

    def uid(self, *parts: str) -> str:
        """A uid that depends on the names alone."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join((self.system.name, *parts))))

    def worker(self) -> Node:
        """One of the workers."""
        return self.dice.choice([node for node in self.nodes if not node.control_plane])

    def node(self, name: str) -> Node:
        """The node of that name."""
        return next(item for item in self.nodes if item.name == name)


def healthy_world(system: System, seed: int, now: datetime) -> World:
    """The system in good health, its pods some hours or days old."""
    dice = random.Random(seed)  # noqa: S311 - a reproducible world, not a secret
    world = World(system, dice, now, now - timedelta(seconds=dice.randint(150, 300)))
    world.nodes = [_node(world, name) for name in system.nodes]
    world.storage_classes = {"standard": "rancher.io/local-path", "manual": "kubernetes.io/no-provisioner"}
    world.accounts = {"default", *(item.name for item in system.components)}
    for component in system.components:
        _install(world, component)
    return world


def _node(world: World, name: str) -> Node:
    first = name == world.system.nodes[0]
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    node = Node(name, first, labels, "4", "8131940Ki", units=dict.fromkeys(UNITS, True))
    if first:
        node.labels[CONTROL_PLANE] = ""
        node.units["kube-scheduler.service"] = True
        node.cordoned = world.system.cordoned_control_plane
        node.taints = [] if node.cordoned else [{"key": CONTROL_PLANE, "effect": "NoSchedule"}]
    else:
        node.labels["topology.kubernetes.io/zone"] = f"zone-{'abc'[world.system.nodes.index(name) % 3]}"
    return node


def _install(world: World, component: Component) -> None:
    age = timedelta(hours=world.dice.randint(5, 400))
    template = template_of(world.system, component)
    app = App(
        component,
        "StatefulSet" if component.stateful else "Deployment",
        component.replicas,
        [],
        [],
        [],
        world.now - age,
    )
    app.revisions.append(Revision(1, world.suffix(10), template, app.created, component.replicas))
    app.pods = [new_pod(world, app, app.created) for _ in range(component.replicas)]
    ports = [
        PortMap(
            component.protocol if component.protocol != "tcp" else component.language, component.port, component.port
        )
    ]
    address = f"10.96.{world.dice.randint(0, 255)}.{world.dice.randint(2, 250)}"
    app.fronts.append(Front(component.name, dict(template.labels), ports, address))
    world.apps[component.name] = app
    if component.stateful:
        _store(world, component.name)
    if component.database:
        world.secrets[f"{component.name}-db"] = {"DB_PASSWORD": "…", "DB_USER": "…"}


def _store(world: World, name: str) -> None:
    claim = Claim(f"data-{name}-0", "8Gi", "standard", volume=f"pvc-{world.uid('volume', name)}")
    world.claims.append(claim)
    world.volumes.append(Volume(claim.volume, "8Gi", "standard", claim=f"{world.system.namespace}/{claim.name}"))


def new_pod(world: World, app: App, created: datetime, node: str = "") -> Pod:
    """A pod of the app's present template that runs well since shortly after `created`."""
    revision = app.revisions[-1]
    place = node or world.worker().name
    name = (
        f"{app.name}-{len(app.pods)}" if app.kind == "StatefulSet" else f"{app.name}-{revision.hash}-{world.suffix()}"
    )
    owner = app.name if app.kind == "StatefulSet" else f"{app.name}-{revision.hash}"
    started = created + timedelta(seconds=world.dice.randint(2, 6))
    states = [ContainerState(item.name, running=started) for item in revision.template.containers]
    init = [ContainerState(item.name, ended=Ended(0, "Completed", created, started)) for item in revision.template.init]
    return Pod(name, revision.template, owner, created, place, world.ip(), states, init)


def changed(app: App) -> Template:
    """A copy of the app's template, for a new revision."""
    return copy.deepcopy(app.template)


def roll_out(
    world: World, app: App, template: Template, *, keep_old: bool = False, at: datetime | None = None
) -> list[Pod]:
    """A new revision of the app; its pods, which faults then spoil.

    `keep_old`: the old pods stay, as in a rolling update whose new pods do not get ready. Otherwise they are gone, as
    with the strategy `Recreate` or after a node was drained.
    """
    moment = at or world.onset
    for revision in app.revisions:
        revision.desired = app.replicas if keep_old and revision is app.revisions[-1] else 0
    app.revisions.append(
        Revision(len(app.revisions) + 1, world.suffix(10), template, moment, 1 if keep_old else app.replicas)
    )
    old = app.pods if keep_old else []
    if app.kind == "StatefulSet":
        app.pods = []
    fresh = [new_pod(world, app, moment) for _ in range(1 if keep_old else app.replicas)]
    app.pods = [*old, *fresh] if app.kind == "Deployment" else fresh
    return fresh


def unlooked(pod: Pod) -> None:
    """The pod has no node, and no scheduler has said why."""
    pod.node, pod.phase, pod.containers, pod.silent = "", "Pending", [], True
