"""Three invented systems, each with its own habits: languages, labels, node names, registry, Kubernetes version."""

from dataclasses import dataclass
from typing import Literal

Language = Literal["go", "java", "node", "python", "mysql", "postgres", "redis", "nginx"]
Protocol = Literal["http", "grpc", "tcp"]


@dataclass(frozen=True)
class Component:
    """One service of a system: what it speaks on which port, whom it calls, which database it logs in to."""

    name: str
    language: Language
    port: int
    protocol: Protocol = "http"
    calls: tuple[str, ...] = ()
    database: str = ""
    stateful: bool = False
    replicas: int = 1

    @property
    def server(self) -> bool:
        """Whether it is other people's software: a database, a cache, a proxy."""
        return self.language in {"mysql", "postgres", "redis", "nginx"}


@dataclass(frozen=True)
class System:
    """A system. `label` is the key its pods are selected by; `modern`: the scheduler speaks as of version 1.34."""

    name: str
    namespace: str
    registry: str
    label: str
    nodes: tuple[str, ...]
    modern: bool
    cordoned_control_plane: bool
    components: tuple[Component, ...]

    def component(self, name: str) -> Component:
        """The component of that name."""
        return next(item for item in self.components if item.name == name)

    def callers(self, name: str) -> tuple[Component, ...]:
        """Who calls `name`, or logs in to it."""
        return tuple(item for item in self.components if name in (*item.calls, item.database))

    @property
    def workers(self) -> tuple[str, ...]:
        """Nodes that run pods."""
        return self.nodes[1:]


HARBOUR = System(
    "lodestar",
    "lodestar",
    "registry.lodestar.example",
    "app",
    ("cp-1", "wrk-1", "wrk-2", "wrk-3"),
    modern=False,
    cordoned_control_plane=False,
    components=(
        Component("gangway", "nginx", 8080, calls=("quay-api",)),
        Component("quay-api", "go", 8081, calls=("berth-planner", "tariff", "pilot-desk"), replicas=2),
        Component("berth-planner", "go", 50051, "grpc", calls=("tide-table", "vessel-cache")),
        Component("tariff", "python", 8000, calls=("tide-table",), database="cargo-db"),
        Component("pilot-desk", "python", 8000, database="cargo-db"),
        Component("tide-table", "go", 50052, "grpc"),
        Component("vessel-cache", "redis", 6379, "tcp", stateful=True),
        Component("cargo-db", "postgres", 5432, "tcp", stateful=True),
    ),
)
GREENHOUSE = System(
    "verdant",
    "verdant-prod",
    "images.verdant.example:5000",
    "app.kubernetes.io/name",
    ("ip-10-20-0-10", "ip-10-20-1-21", "ip-10-20-1-22", "ip-10-20-2-31"),
    modern=True,
    cordoned_control_plane=False,
    components=(
        Component("vd-gateway", "java", 8088, calls=("vd-irrigation", "vd-harvest", "vd-growers")),
        Component("vd-irrigation", "java", 8101, calls=("vd-sensor", "vd-weather"), database="vd-mysql"),
        Component("vd-harvest", "java", 8102, calls=("vd-growers", "vd-label"), database="vd-mysql"),
        Component("vd-growers", "java", 8103, database="vd-mysql", replicas=2),
        Component("vd-sensor", "java", 8104, database="vd-mysql"),
        Component("vd-weather", "node", 3000),
        Component("vd-label", "node", 3001, calls=("vd-weather",)),
        Component("vd-mysql", "mysql", 3306, "tcp", stateful=True),
    ),
)
CLINIC = System(
    "careline",
    "clinic",
    "ghcr.io/careline",
    "k8s-app",
    ("master-0", "node-a", "node-b", "node-c"),
    modern=False,
    cordoned_control_plane=True,
    components=(
        Component("portal", "node", 4000, calls=("appointments", "billing", "messages")),
        Component("appointments", "go", 7001, "grpc", calls=("patients", "reminders"), replicas=2),
        Component("billing", "java", 7002, calls=("patients", "insurers"), database="records"),
        Component("patients", "java", 7003, database="records"),
        Component("insurers", "python", 7004),
        Component("reminders", "python", 7005, calls=("messages",)),
        Component("messages", "node", 7006, calls=("inbox",)),
        Component("inbox", "redis", 6379, "tcp", stateful=True),
        Component("records", "mysql", 3306, "tcp", stateful=True),
    ),
)
SYSTEMS = (HARBOUR, GREENHOUSE, CLINIC)
