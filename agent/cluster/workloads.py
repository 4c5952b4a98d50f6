"""Workloads: what keeps pods running, and the template it makes them from."""

from typing import cast

from pydantic import Field, model_validator

from agent.cluster.objects import Condition, KubernetesModel, KubernetesObject, LabelSelector
from agent.cluster.pods import PodSpec


class TemplateMetadata(KubernetesModel):
    """Labels and annotations of the pods to be."""

    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class Template(KubernetesModel):
    """A pod template."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: PodSpec = PodSpec()


class WorkloadSpec(KubernetesModel):
    """What is asked for. A missing `replicas` is 1, as the API has it."""

    replicas: int = 1
    selector: LabelSelector = LabelSelector()
    template: Template = Template()


class WorkloadStatus(KubernetesModel):
    """What there is; a DaemonSet's counters are mapped to a Deployment's names."""

    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    updated_replicas: int = 0
    desired_number_scheduled: int | None = None
    conditions: tuple[Condition, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _daemon_set_counters(cls, value: object) -> object:
        if not isinstance(value, dict) or "desiredNumberScheduled" not in value:
            return cast("object", value)
        counters = cast("dict[str, object]", value)
        return {
            **counters,
            "replicas": counters.get("currentNumberScheduled", 0),
            "readyReplicas": counters.get("numberReady", 0),
            "availableReplicas": counters.get("numberAvailable", 0),
            "updatedReplicas": counters.get("updatedNumberScheduled", 0),
        }


class Workload(KubernetesObject):
    """A Deployment, StatefulSet, DaemonSet or ReplicaSet."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()

    @property
    def template(self) -> PodSpec:
        """The pod spec of its template."""
        return self.spec.template.spec

    @property
    def desired(self) -> int:
        """Replicas asked for."""
        scheduled = self.status.desired_number_scheduled
        return self.spec.replicas if scheduled is None else scheduled

    @property
    def revision(self) -> int | None:
        """The rollout revision a Deployment or ReplicaSet carries as an annotation."""
        text = self.metadata.annotations.get("deployment.kubernetes.io/revision", "")
        return int(text) if text.isdigit() else None

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type."""
        return next((item for item in self.status.conditions if item.type == kind), None)

    @property
    def refused(self) -> str:
        """Why the controller cannot create pods, in its words (`ReplicaFailure`); empty if it can."""
        condition = self.condition("ReplicaFailure")
        return (condition.message or condition.reason) if condition and condition.status == "True" else ""
