"""What the controllers read of a spec, parsed once and typed; fields they do not act on are left out."""

import math
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from pydantic.alias_generators import to_camel


class View(BaseModel):
    """A frozen, partial reading of a Kubernetes structure; field names are the API's in snake case."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class Requirement(View):
    """One `matchExpressions` entry."""

    key: str
    operator: str
    values: list[str] = Field(default_factory=list)

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether the labels fulfil it: In, NotIn, Exists, DoesNotExist."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case _:
                return self.key not in labels


class LabelSelector(View):
    """`metav1.LabelSelector`."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: list[Requirement] = Field(default_factory=list[Requirement])

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether the labels fulfil every requirement."""
        equal = all(labels.get(key) == value for key, value in self.match_labels.items())
        return equal and all(requirement.matches(labels) for requirement in self.match_expressions)


class KeySelector(View):
    """A key of a named ConfigMap or Secret."""

    name: str
    key: str = ""
    optional: bool = False


class EnvSource(View):
    """`valueFrom` of an environment variable."""

    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None


class EnvVar(View):
    """One environment variable."""

    name: str
    value: str = ""
    value_from: EnvSource | None = None


class EnvFrom(View):
    """A whole ConfigMap or Secret as environment variables."""

    config_map_ref: KeySelector | None = None
    secret_ref: KeySelector | None = None


class ContainerPort(View):
    """A port a container says it listens on."""

    name: str = ""
    container_port: int


class HttpGet(View):
    """An HTTP probe."""

    path: str = "/"
    port: int | str


class Probe(View):
    """A readiness or liveness probe; kinds other than `httpGet` always pass here."""

    http_get: HttpGet | None = None
    initial_delay_seconds: float = 0
    period_seconds: float = 10
    failure_threshold: int = 3


class Resources(View):
    """Requests and limits, as quantities."""

    requests: dict[str, str | int | float] = Field(default_factory=dict)
    limits: dict[str, str | int | float] = Field(default_factory=dict)


class Container(View):
    """One container of a pod."""

    name: str = Field(min_length=1)
    image: str = Field(min_length=1)
    env: list[EnvVar] = Field(default_factory=list[EnvVar])
    env_from: list[EnvFrom] = Field(default_factory=list[EnvFrom])
    ports: list[ContainerPort] = Field(default_factory=list[ContainerPort])
    resources: Resources = Resources()
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None

    def port(self, wanted: int | str) -> int | None:
        """The number behind a port number or name; None for a name it does not have."""
        if isinstance(wanted, int):
            return wanted
        return next((port.container_port for port in self.ports if port.name == wanted), None)


class PodSpec(View):
    """A pod's containers."""

    containers: list[Container] = Field(min_length=1)


class TemplateMetadata(View):
    """Labels and annotations of a pod template."""

    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class PodTemplate(View):
    """What new pods are made from."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: PodSpec


class RollingUpdate(View):
    """How far a rolling update may go above and below the wanted replicas: counts or percentages."""

    max_surge: int | str = "25%"
    max_unavailable: int | str = "25%"


class Strategy(View):
    """A Deployment's update strategy."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate = RollingUpdate()


class DeploymentSpec(View):
    """A Deployment's spec."""

    replicas: NonNegativeInt = 1
    selector: LabelSelector
    template: PodTemplate
    strategy: Strategy = Strategy()
    revision_history_limit: NonNegativeInt = 10
    progress_deadline_seconds: NonNegativeInt = 600
    paused: bool = False

    @property
    def max_surge(self) -> int:
        """Pods allowed above `replicas` while rolling; percentages round up."""
        return _resolved(self.strategy.rolling_update.max_surge, self.replicas, up=True)

    @property
    def max_unavailable(self) -> int:
        """Pods allowed to be missing while rolling; percentages round down, and both bounds are never 0."""
        found = _resolved(self.strategy.rolling_update.max_unavailable, self.replicas, up=False)
        return found if found or self.max_surge else 1


def _resolved(value: int | str, total: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = float(value.rstrip("%")) / 100 * total
    return math.ceil(share) if up else math.floor(share)


class ReplicaSetSpec(View):
    """A ReplicaSet's spec."""

    replicas: NonNegativeInt = 1
    selector: LabelSelector
    template: PodTemplate


class StatefulSetSpec(View):
    """A StatefulSet's spec."""

    replicas: NonNegativeInt = 1
    selector: LabelSelector
    template: PodTemplate


class ServicePort(View):
    """One port of a Service; `target_port` defaults to `port`."""

    name: str = ""
    port: int
    target_port: int | str | None = None


class ServiceSpec(View):
    """A Service's spec."""

    selector: dict[str, str] = Field(default_factory=dict)
    ports: list[ServicePort] = Field(default_factory=list[ServicePort])


class Condition(View):
    """A condition of a Deployment's status."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_update_time: datetime
    last_transition_time: datetime
