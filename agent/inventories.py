"""The objects a triage has seen: workloads with their revisions, and Argo CD applications."""

from collections.abc import Iterator, Sequence
from datetime import UTC

from agent.cluster.templates import differences
from agent.cluster.workloads import Workload
from agent.situation import Situation
from domain.inventory import Inventory, RolloutRevision, WorkloadEntry
from domain.objects import WorkloadRef

KINDS = {"Deployment": "deployment", "StatefulSet": "statefulset", "DaemonSet": "daemonset"}
TRACKING_ID = "argocd.argoproj.io/tracking-id"
INSTANCE = "app.kubernetes.io/instance"


def inventory_of(situation: Situation) -> Inventory:
    """What was seen in the situation."""
    return Inventory(
        workloads=tuple(_entry(situation, item) for item in situation.workloads if item.kind in KINDS),
        applications=tuple(item.state.entry for item in situation.applications),
    )


def _entry(situation: Situation, workload: Workload) -> WorkloadEntry:
    scaler = next(
        (
            item
            for item in situation.cluster.autoscalers
            if item.namespace == workload.namespace
            and (item.spec.scale_target_ref.kind, item.spec.scale_target_ref.name) == (workload.kind, workload.name)
        ),
        None,
    )
    return WorkloadEntry(
        ref=WorkloadRef.model_validate(
            {"kind": KINDS[workload.kind], "namespace": workload.namespace, "name": workload.name}
        ),
        replicas=workload.desired,
        ready=workload.status.ready_replicas,
        revisions=tuple(_revisions(situation.cluster.revisions_of(workload))),
        current_revision=workload.revision,
        application=application_of(situation, workload),
        autoscaled_max=scaler.spec.max_replicas if scaler else None,
    )


def _revisions(replica_sets: Sequence[Workload]) -> Iterator[RolloutRevision]:
    """Oldest first, as the ReplicaSets are; the last one is current."""
    for replica_set in replica_sets:
        created = replica_set.metadata.creation_timestamp
        if replica_set.revision:
            yield RolloutRevision(
                number=replica_set.revision,
                images=tuple(item.image for item in replica_set.template.containers),
                created_at=created.astimezone(UTC) if created else None,
                ready=replica_set.status.ready_replicas,
                differs=tuple(differences(replica_set, replica_sets[-1])),
            )


def application_of(situation: Situation, workload: Workload) -> str | None:
    """The Argo CD application that tracks the workload: by its resources, else by its tracking marks.

    The instance label is everybody's; it counts only where Argo CD knows an application of that name.
    """
    for application in situation.applications:
        for item in application.state.resources:
            if (item.kind, item.name) == (workload.kind, workload.name) and item.namespace in {
                None,
                workload.namespace,
            }:
                return application.state.entry.name
    mark = workload.metadata.annotations.get(TRACKING_ID, "").partition(":")[0]
    if mark:
        return mark
    label = workload.metadata.labels.get(INSTANCE)
    known = {item.state.entry.name for item in situation.applications}
    return label if label in known else None
