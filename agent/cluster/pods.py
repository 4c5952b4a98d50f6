"""Pods: specs as templates hold them, and what the kubelet reports."""

from datetime import datetime

from pydantic import Field

from agent.cluster.objects import Condition, KubernetesModel, KubernetesObject, LabelRequirement, LabelSelector


class KeyReference(KubernetesModel):
    """A Secret or ConfigMap by name, with a key where one is meant."""

    name: str = ""
    key: str = ""
    optional: bool = False


class EnvSource(KubernetesModel):
    """Where a variable's value comes from."""

    secret_key_ref: KeyReference | None = None
    config_map_key_ref: KeyReference | None = None


class EnvVar(KubernetesModel):
    """One environment variable."""

    name: str
    value: str | None = None
    value_from: EnvSource | None = None


class EnvFrom(KubernetesModel):
    """All keys of a Secret or ConfigMap as variables."""

    secret_ref: KeyReference | None = None
    config_map_ref: KeyReference | None = None


class PortAction(KubernetesModel):
    """What a probe asks."""

    port: str = ""
    path: str = ""
    scheme: str = ""


class Command(KubernetesModel):
    """A command a probe runs."""

    command: tuple[str, ...] = ()


class Probe(KubernetesModel):
    """A liveness, readiness or startup probe with the API's default timing, in seconds."""

    http_get: PortAction | None = None
    tcp_socket: PortAction | None = None
    grpc: PortAction | None = None
    exec: Command | None = None
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    failure_threshold: int = 3

    @property
    def protocol(self) -> str:
        """`http`, `tcp`, `grpc` or `exec`."""
        named = (("http", self.http_get), ("tcp", self.tcp_socket), ("grpc", self.grpc))
        return next((name for name, action in named if action is not None), "exec")

    @property
    def port(self) -> str:
        """The port it asks, as written: a number or a name; empty for `exec`."""
        action = self.http_get or self.tcp_socket or self.grpc
        return action.port if action else ""

    @property
    def patience(self) -> int:
        """Seconds from container start until a probe that never succeeds gives up."""
        return self.initial_delay_seconds + self.period_seconds * self.failure_threshold


class ContainerPort(KubernetesModel):
    """A declared port."""

    container_port: int
    name: str = ""
    protocol: str = "TCP"


class Resources(KubernetesModel):
    """Requests and limits as written."""

    requests: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, str] = Field(default_factory=dict)


class Mount(KubernetesModel):
    """A volume mount."""

    name: str = ""
    mount_path: str = ""


class Container(KubernetesModel):
    """A container of a pod spec."""

    name: str
    image: str = ""
    restart_policy: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    resources: Resources = Resources()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    volume_mounts: tuple[Mount, ...] = ()


class ClaimSource(KubernetesModel):
    """A volume that is a claim."""

    claim_name: str = ""


class SecretSource(KubernetesModel):
    """A volume that is a Secret."""

    secret_name: str = ""
    optional: bool = False


class HostPath(KubernetesModel):
    """A directory of the node."""

    path: str = ""


class Volume(KubernetesModel):
    """A volume of a pod spec."""

    name: str = ""
    persistent_volume_claim: ClaimSource | None = None
    secret: SecretSource | None = None
    config_map: KeyReference | None = None
    host_path: HostPath | None = None


class Toleration(KubernetesModel):
    """A toleration; an empty key tolerates every taint, an empty effect every effect."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class NodeSelectorTerm(KubernetesModel):
    """Requirements on a node's labels, all of which must hold."""

    match_expressions: tuple[LabelRequirement, ...] = ()
    match_fields: tuple[LabelRequirement, ...] = ()


class NodeSelector(KubernetesModel):
    """Terms of which one must hold."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class NodeAffinity(KubernetesModel):
    """The required part only: preferences never keep a pod pending."""

    required: NodeSelector | None = Field(default=None, alias="requiredDuringSchedulingIgnoredDuringExecution")


class PodAffinityTerm(KubernetesModel):
    """Pods that must (not) share the topology domain."""

    label_selector: LabelSelector = LabelSelector()
    topology_key: str = ""


class PodAffinity(KubernetesModel):
    """The required part only."""

    required: tuple[PodAffinityTerm, ...] = Field(default=(), alias="requiredDuringSchedulingIgnoredDuringExecution")


class Affinity(KubernetesModel):
    """Affinities of a pod spec."""

    node_affinity: NodeAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class DnsConfig(KubernetesModel):
    """Resolver settings of a pod."""

    nameservers: tuple[str, ...] = ()


class PodSpec(KubernetesModel):
    """The spec of a pod or of a template."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    node_name: str = ""
    node_selector: dict[str, str] = Field(default_factory=dict)
    affinity: Affinity = Affinity()
    tolerations: tuple[Toleration, ...] = ()
    service_account_name: str = ""
    image_pull_secrets: tuple[KeyReference, ...] = ()
    dns_policy: str = "ClusterFirst"
    dns_config: DnsConfig = DnsConfig()


class Waiting(KubernetesModel):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class Running(KubernetesModel):
    """Since when it runs."""

    started_at: datetime | None = None


class Terminated(KubernetesModel):
    """How it ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(KubernetesModel):
    """One of three."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(KubernetesModel):
    """A container as the kubelet last reported it."""

    name: str
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()

    @property
    def last_exit(self) -> Terminated | None:
        """The end of the current or, while it runs or waits, of the previous container."""
        return self.state.terminated or self.last_state.terminated


class PodStatus(KubernetesModel):
    """A pod as the kubelet last reported it."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(KubernetesObject):
    """A pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type."""
        return next((item for item in self.status.conditions if item.type == kind), None)

    @property
    def statuses(self) -> tuple[ContainerStatus, ...]:
        """All containers, init containers first."""
        return self.status.init_container_statuses + self.status.container_statuses

    @property
    def ready(self) -> bool:
        """Whether it gets traffic. Recorded pods may lack conditions; then the containers decide."""
        condition = self.condition("Ready")
        if condition is not None:
            return condition.status == "True"
        statuses = self.status.container_statuses
        return bool(statuses) and all(status.ready for status in statuses)

    @property
    def over(self) -> bool:
        """Whether it has finished or is being deleted, and so tells nothing of the present."""
        return self.status.phase == "Succeeded" or self.metadata.deletion_timestamp is not None
