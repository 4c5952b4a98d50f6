"""The fields of Kubernetes objects that diagnosis reads, as `kubectl get -o json` gives them.

Source: https://kubernetes.io/docs/reference/kubernetes-api/. Unknown fields are ignored, missing ones have the
API's defaults, and `null` counts as missing: objects of many API versions and of recorded incidents must all parse.
"""

from datetime import datetime
from typing import cast

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from domain.model import External


class KubernetesModel(External):
    """Base of the views: camelCase keys, nulls dropped."""

    model_config = ConfigDict(alias_generator=to_camel, coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _nulls_are_missing(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        mapping = cast("dict[str, object]", value)
        if None not in mapping.values():
            return mapping
        return {key: item for key, item in mapping.items() if item is not None}


class Owner(KubernetesModel):
    """One owner reference."""

    kind: str
    name: str
    uid: str = ""


class Metadata(KubernetesModel):
    """Names, labels and times of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    generation: int | None = None
    owner_references: tuple[Owner, ...] = ()


class KubernetesObject(KubernetesModel):
    """Any object: `str()` is `kind/name` in lower case."""

    kind: str = ""
    metadata: Metadata = Metadata()

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, empty for cluster-scoped kinds."""
        return self.metadata.namespace

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.metadata.name}"

    def is_of(self, owner: "KubernetesObject") -> bool:
        """Whether `owner` is one of its owners, and not an earlier object of the same name, as far as uids tell."""
        return any(
            (reference.kind, reference.name) == (owner.kind, owner.name)
            and (not reference.uid or not owner.metadata.uid or reference.uid == owner.metadata.uid)
            for reference in self.metadata.owner_references
        )


class Condition(KubernetesModel):
    """A status condition of any kind."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None
    last_heartbeat_time: datetime | None = None


class LabelRequirement(KubernetesModel):
    """One `matchExpressions` entry, of label selectors, node selectors and affinities."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(KubernetesModel):
    """`matchLabels` and `matchExpressions`, all of which must hold."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: tuple[LabelRequirement, ...] = ()


class ServicePort(KubernetesModel):
    """One port of a Service; a missing `targetPort` means the same as `port`."""

    name: str = ""
    port: int
    target_port: str = ""
    protocol: str = "TCP"


class ServiceSpec(KubernetesModel):
    """The part of a Service that routes."""

    type: str = "ClusterIP"
    selector: dict[str, str] = Field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = Field(default="", alias="clusterIP")
    external_name: str = ""


class Service(KubernetesObject):
    """A Service."""

    spec: ServiceSpec = ServiceSpec()


class Address(KubernetesModel):
    """One pod address behind a Service."""

    ip: str = ""
    node_name: str = ""


class Subset(KubernetesModel):
    """Addresses that share ports."""

    addresses: tuple[Address, ...] = ()
    not_ready_addresses: tuple[Address, ...] = ()


class Endpoints(KubernetesObject):
    """The addresses of a Service."""

    subsets: tuple[Subset, ...] = ()

    @property
    def ready(self) -> int:
        """How many addresses get traffic."""
        return sum(len(subset.addresses) for subset in self.subsets)


class EndpointConditions(KubernetesModel):
    """A missing `ready` means ready, as the API has it."""

    ready: bool = True


class Endpoint(KubernetesModel):
    """One endpoint of a slice."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()


class EndpointSlice(KubernetesObject):
    """A part of the addresses of a Service, named by the label `kubernetes.io/service-name`."""

    endpoints: tuple[Endpoint, ...] = ()

    @property
    def service(self) -> str:
        """The Service it belongs to."""
        return self.metadata.labels.get("kubernetes.io/service-name", "")

    @property
    def ready(self) -> int:
        """How many endpoints get traffic."""
        return sum(1 for endpoint in self.endpoints if endpoint.conditions.ready)


class Involved(KubernetesModel):
    """The object an event is about."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class EventSeries(KubernetesModel):
    """How often an event was seen again, where `count` does not say."""

    count: int = 0
    last_observed_time: datetime | None = None


class Event(KubernetesObject):
    """A core/v1 Event."""

    type: str = "Normal"
    reason: str = ""
    message: str = ""
    count: int = 1
    series: EventSeries = EventSeries()
    involved_object: Involved = Involved()
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None

    @property
    def at(self) -> datetime | None:
        """When it was last seen."""
        seen = self.last_timestamp or self.series.last_observed_time or self.event_time
        return seen or self.first_timestamp or self.metadata.creation_timestamp

    @property
    def times(self) -> int:
        """How often it was seen."""
        return max(self.count, self.series.count)


class ConfigMap(KubernetesObject):
    """A ConfigMap's text."""

    data: dict[str, str] = Field(default_factory=dict)


class Secret(KubernetesObject):
    """A Secret. Live ones come without values; `string_data` is what a manifest in Git writes in plain."""

    data: dict[str, object] = Field(default_factory=dict)
    string_data: dict[str, str] = Field(default_factory=dict)


class ServiceAccount(KubernetesObject):
    """A ServiceAccount."""


class QuotaStatus(KubernetesModel):
    """As the quota controller last counted."""

    hard: dict[str, str] = Field(default_factory=dict)
    used: dict[str, str] = Field(default_factory=dict)


class ResourceQuota(KubernetesObject):
    """Limits of a namespace and what of them is used."""

    status: QuotaStatus = QuotaStatus()


class LeaseSpec(KubernetesModel):
    """Renewed by the kubelet every ten seconds."""

    renew_time: datetime | None = None


class Lease(KubernetesObject):
    """A node's heartbeat."""

    spec: LeaseSpec = LeaseSpec()


class ScaleTarget(KubernetesModel):
    """What an autoscaler scales."""

    kind: str = ""
    name: str = ""


class AutoscalerSpec(KubernetesModel):
    """The bounds of an autoscaler."""

    max_replicas: int = 0
    min_replicas: int = 1
    scale_target_ref: ScaleTarget = ScaleTarget()


class HorizontalPodAutoscaler(KubernetesObject):
    """An autoscaler."""

    spec: AutoscalerSpec = AutoscalerSpec()


class NetworkPolicySpec(KubernetesModel):
    """An empty rule list of a listed type denies everything of that type."""

    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[str, ...] = ("Ingress",)
    ingress: tuple[dict[str, object], ...] = ()
    egress: tuple[dict[str, object], ...] = ()


class NetworkPolicy(KubernetesObject):
    """Who may talk to the selected pods; only what diagnosis needs of it."""

    spec: NetworkPolicySpec = NetworkPolicySpec()
