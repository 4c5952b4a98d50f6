"""Deployments, StatefulSets and DaemonSets, told alike."""

from datetime import datetime

from pydantic import Field, TypeAdapter

from domain.inventory import RolloutRevision, WorkloadEntry
from domain.model import External
from domain.objects import WorkloadKind, WorkloadRef
from domain.plans import WorkloadPrecondition
from tools.kubernetes.models import WorkloadState

REVISION = "deployment.kubernetes.io/revision"
TRACKING_ID = "argocd.argoproj.io/tracking-id"


class Owner(External):
    """Who created an object."""

    uid: str = ""


class Metadata(External):
    """What every object carries."""

    name: str
    namespace: str = ""
    uid: str
    resource_version: str = Field(default="", alias="resourceVersion")
    generation: int = 0
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    created_at: datetime | None = Field(default=None, alias="creationTimestamp")
    deleted_at: datetime | None = Field(default=None, alias="deletionTimestamp")
    owners: tuple[Owner, ...] = Field(default=(), alias="ownerReferences")


class Container(External):
    """A container of a pod template."""

    name: str
    image: str = ""


class PodSpec(External):
    """The part of a pod template that names what runs."""

    containers: tuple[Container, ...] = ()


class PodTemplate(External):
    """A pod template."""

    spec: PodSpec = PodSpec()

    @property
    def images(self) -> tuple[str, ...]:
        """The images of its containers, in order."""
        return tuple(container.image for container in self.spec.containers)


class Selector(External):
    """Which pods belong to a workload."""

    match_labels: dict[str, str] = Field(default_factory=dict, alias="matchLabels")

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in sorted(self.match_labels.items()))


class UpdateStrategy(External):
    """How a StatefulSet or DaemonSet replaces its pods."""

    type: str = "RollingUpdate"


class Spec(External):
    """What is wanted. `replicas` is None for DaemonSets."""

    replicas: int | None = None
    paused: bool = False
    selector: Selector = Selector()
    template: PodTemplate = PodTemplate()
    update_strategy: UpdateStrategy = Field(default=UpdateStrategy(), alias="updateStrategy")


class Condition(External):
    """A status condition."""

    type: str
    status: str
    reason: str = ""
    message: str = ""


class Status(External):
    """What is. DaemonSets use words of their own."""

    observed_generation: int = Field(default=0, alias="observedGeneration")
    replicas: int = 0
    ready_replicas: int = Field(default=0, alias="readyReplicas")
    updated_replicas: int = Field(default=0, alias="updatedReplicas")
    available_replicas: int = Field(default=0, alias="availableReplicas")
    desired_scheduled: int = Field(default=0, alias="desiredNumberScheduled")
    number_ready: int = Field(default=0, alias="numberReady")
    updated_scheduled: int = Field(default=0, alias="updatedNumberScheduled")
    number_available: int = Field(default=0, alias="numberAvailable")
    update_revision: str = Field(default="", alias="updateRevision")
    conditions: tuple[Condition, ...] | None = None


class Workload(External):
    """A workload as the API server gives it."""

    metadata: Metadata
    spec: Spec
    status: Status = Status()

    def replicas(self, kind: WorkloadKind) -> int:
        """How many pods it should have."""
        if kind == "daemonset":
            return self.status.desired_scheduled
        return 1 if self.spec.replicas is None else self.spec.replicas

    def ready(self, kind: WorkloadKind) -> int:
        """How many of its pods are ready."""
        return self.status.number_ready if kind == "daemonset" else self.status.ready_replicas

    def updated(self, kind: WorkloadKind) -> int:
        """How many of its pods run the current template."""
        return self.status.updated_scheduled if kind == "daemonset" else self.status.updated_replicas

    def available(self, kind: WorkloadKind) -> int:
        """How many of its pods have been ready for `minReadySeconds`."""
        return self.status.number_available if kind == "daemonset" else self.status.available_replicas

    @property
    def application(self) -> str | None:
        """The Argo CD application that tracks it, by the tracking annotation `[namespace_]app:group/kind:…`.

        The label `app.kubernetes.io/instance` alone says nothing: Helm sets it too.
        """
        return self.metadata.annotations.get(TRACKING_ID, "").partition(":")[0].rpartition("_")[2] or None


WORKLOAD: TypeAdapter[Workload] = TypeAdapter(Workload)


def precondition_of(kind: WorkloadKind, workload: Workload, revision: int | None) -> WorkloadPrecondition:
    """What must still hold when an action on this workload is applied."""
    return WorkloadPrecondition(
        uid=workload.metadata.uid,
        generation=workload.metadata.generation,
        replicas=workload.replicas(kind),
        revision=revision,
        images=workload.spec.template.images,
    )


def state_of(
    ref: WorkloadRef,
    workload: Workload,
    revisions: tuple[RolloutRevision, ...],
    *,
    current: int | None,
    autoscaled_max: int | None,
) -> WorkloadState:
    """The workload as readers see it."""
    waiting = _waits_for(ref, workload)
    return WorkloadState(
        entry=WorkloadEntry(
            ref=ref,
            replicas=workload.replicas(ref.kind),
            ready=workload.ready(ref.kind),
            revisions=revisions,
            current_revision=current,
            application=workload.application,
            autoscaled_max=autoscaled_max,
        ),
        precondition=precondition_of(ref.kind, workload, current),
        available=workload.available(ref.kind),
        updated=workload.updated(ref.kind),
        observed_generation=workload.status.observed_generation,
        rolled_out=waiting is None,
        message=waiting or f"{ref} is rolled out",
    )


def _waits_for(ref: WorkloadRef, workload: Workload) -> str | None:
    """What a rollout still waits for, by the rules of `kubectl rollout status`; None when it is complete."""
    wanted, updated = workload.replicas(ref.kind), workload.updated(ref.kind)
    available, status = workload.available(ref.kind), workload.status
    if status.observed_generation < workload.metadata.generation:
        return "the controller has not seen the latest change yet"
    if _deadline_exceeded(workload):
        return "the rollout exceeded its progress deadline"
    if workload.spec.update_strategy.type == "RollingUpdate" and updated < wanted:
        return f"{updated} of {wanted} replicas are updated"
    if ref.kind == "deployment" and status.replicas > updated:
        return f"{status.replicas - updated} old replicas are still there"
    if available < wanted:
        return f"{available} of {wanted} replicas are available"
    return None


def _deadline_exceeded(workload: Workload) -> bool:
    conditions = workload.status.conditions or ()
    return any(item.type == "Progressing" and item.reason == "ProgressDeadlineExceeded" for item in conditions)
