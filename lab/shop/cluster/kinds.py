"""The resource kinds the shop's API server knows, with the verbs each really supports."""

from dataclasses import dataclass

READ = ("get", "list", "watch")
WRITE = ("create", "delete", "patch", "update")


@dataclass(frozen=True)
class Kind:
    """One resource kind as discovery names it; `group` is empty for the core API."""

    group: str
    version: str
    name: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    verbs: tuple[str, ...] = READ
    scalable: bool = False

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core API."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`deployments.apps`, as error messages name the resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified(self) -> str:
        """`Deployment.apps`, as validation messages name the kind."""
        return f"{self.name}.{self.group}" if self.group else self.name


NAMESPACE = Kind("", "v1", "Namespace", "namespaces", namespaced=False, short_names=("ns",))
NODE = Kind("", "v1", "Node", "nodes", namespaced=False, short_names=("no",))
POD = Kind("", "v1", "Pod", "pods", short_names=("po",), verbs=(*READ, "delete"))
SERVICE = Kind("", "v1", "Service", "services", short_names=("svc",), verbs=READ + WRITE)
ENDPOINTS = Kind("", "v1", "Endpoints", "endpoints", short_names=("ep",))
EVENT = Kind("", "v1", "Event", "events", short_names=("ev",))
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps", short_names=("cm",), verbs=READ + WRITE)
SECRET = Kind("", "v1", "Secret", "secrets")
SERVICE_ACCOUNT = Kind("", "v1", "ServiceAccount", "serviceaccounts", short_names=("sa",))
RESOURCE_QUOTA = Kind("", "v1", "ResourceQuota", "resourcequotas", short_names=("quota",))
LIMIT_RANGE = Kind("", "v1", "LimitRange", "limitranges", short_names=("limits",))
VOLUME_CLAIM = Kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", short_names=("pvc",))
VOLUME = Kind("", "v1", "PersistentVolume", "persistentvolumes", namespaced=False, short_names=("pv",))
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments", short_names=("deploy",), verbs=READ + WRITE, scalable=True)
REPLICA_SET = Kind("apps", "v1", "ReplicaSet", "replicasets", short_names=("rs",))
STATEFUL_SET = Kind(
    "apps", "v1", "StatefulSet", "statefulsets", short_names=("sts",), verbs=READ + WRITE, scalable=True
)
DAEMON_SET = Kind("apps", "v1", "DaemonSet", "daemonsets", short_names=("ds",))
AUTOSCALER = Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", short_names=("hpa",))
JOB = Kind("batch", "v1", "Job", "jobs")
ENDPOINT_SLICE = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
INGRESS = Kind("networking.k8s.io", "v1", "Ingress", "ingresses", short_names=("ing",))
NETWORK_POLICY = Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", short_names=("netpol",))
STORAGE_CLASS = Kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", namespaced=False, short_names=("sc",))

KINDS = (
    NAMESPACE,
    NODE,
    POD,
    SERVICE,
    ENDPOINTS,
    EVENT,
    CONFIG_MAP,
    SECRET,
    SERVICE_ACCOUNT,
    RESOURCE_QUOTA,
    LIMIT_RANGE,
    VOLUME_CLAIM,
    VOLUME,
    DEPLOYMENT,
    REPLICA_SET,
    STATEFUL_SET,
    DAEMON_SET,
    AUTOSCALER,
    JOB,
    ENDPOINT_SLICE,
    INGRESS,
    NETWORK_POLICY,
    STORAGE_CLASS,
)

_BY_RESOURCE = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
_BY_NAME = {(kind.api_version, kind.name): kind for kind in KINDS}


def kind_of_resource(group: str, version: str, plural: str) -> Kind | None:
    """The kind behind a URL's group, version and plural; None when the server does not know it."""
    return _BY_RESOURCE.get((group, version, plural))


def kind_of_manifest(api_version: str, name: str) -> Kind | None:
    """The kind a manifest's `apiVersion` and `kind` name; None when the server does not know it."""
    return _BY_NAME.get((api_version, name))
