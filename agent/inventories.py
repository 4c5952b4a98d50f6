"""The objects a triage has seen: workloads with their revisions, and Argo CD applications."""

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
        revisions=tuple(_revision(item) for item in situation.cluster.revisions_of(workload) if item.revision),
        current_revision=workload.revision,
        changed=_changed(situation, workload),
        application=application_of(situation, workload),
        autoscaled_max=scaler.spec.max_replicas if scaler else None,
    )


def _changed(situation: Situation, workload: Workload) -> tuple[str, ...] | None:
    revisions = situation.cluster.revisions_of(workload)
    return tuple(differences(revisions[-2], revisions[-1])) if len(revisions) > 1 else None


def _revision(replica_set: Workload) -> RolloutRevision:
    created = replica_set.metadata.creation_timestamp
    return RolloutRevision(
        number=replica_set.revision or 0,
        images=tuple(item.image for item in replica_set.template.containers),
        created_at=created.astimezone(UTC) if created else None,
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
