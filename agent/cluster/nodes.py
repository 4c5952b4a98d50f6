"""Nodes and storage."""

from pydantic import Field

from agent.cluster.objects import Condition, KubernetesModel, KubernetesObject, LabelSelector

CONTROL_PLANE_LABELS = (
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
)


class Taint(KubernetesModel):
    """A taint of a node."""

    key: str
    value: str = ""
    effect: str = ""


class NodeSpec(KubernetesModel):
    """What keeps pods away."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeStatus(KubernetesModel):
    """What the kubelet reports."""

    allocatable: dict[str, str] = Field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()


class Node(KubernetesObject):
    """A node."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type."""
        return next((item for item in self.status.conditions if item.type == kind), None)

    @property
    def labels(self) -> dict[str, str]:
        """Its labels; the hostname label, which every kubelet sets, is there even where a reader lost it."""
        return {"kubernetes.io/hostname": self.name, **self.metadata.labels}

    @property
    def ready(self) -> bool:
        """Whether the kubelet says so. A node without conditions counts as ready: nothing says otherwise."""
        condition = self.condition("Ready")
        return condition is None or condition.status == "True"

    @property
    def control_plane(self) -> bool:
        """Whether it runs the control plane, by the roles that kubeadm, kubeasz and the like set."""
        labels = self.metadata.labels
        role = labels.get("kubernetes.io/role", "")
        return any(key in labels for key in CONTROL_PLANE_LABELS) or role in {"master", "control-plane"}


class Requests(KubernetesModel):
    """Amounts asked for."""

    requests: dict[str, str] = Field(default_factory=dict)


class ClaimSpec(KubernetesModel):
    """What a claim asks for. `storage_class_name` None means the default class, empty means none at all."""

    access_modes: tuple[str, ...] = ()
    resources: Requests = Requests()
    storage_class_name: str | None = None
    selector: LabelSelector | None = None
    volume_name: str = ""


class Phase(KubernetesModel):
    """A claim is Pending, Bound or Lost; a volume Available, Bound, Released or Failed."""

    phase: str = ""


class PersistentVolumeClaim(KubernetesObject):
    """A claim on a volume."""

    spec: ClaimSpec = ClaimSpec()
    status: Phase = Phase()


class ClaimReference(KubernetesModel):
    """The claim a volume is bound to."""

    namespace: str = ""
    name: str = ""


class VolumeSpec(KubernetesModel):
    """What a volume offers."""

    capacity: dict[str, str] = Field(default_factory=dict)
    access_modes: tuple[str, ...] = ()
    storage_class_name: str = ""
    claim_ref: ClaimReference | None = None


class PersistentVolume(KubernetesObject):
    """A volume."""

    spec: VolumeSpec = VolumeSpec()
    status: Phase = Phase()


class StorageClass(KubernetesObject):
    """A storage class. `kubernetes.io/no-provisioner` makes no volumes by itself."""

    provisioner: str = ""
    volume_binding_mode: str = "Immediate"
