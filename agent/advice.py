"""What a human must do where no typed action may: who stands in the way, and where the change belongs."""

from domain.diagnosis import RankedCause
from domain.inventory import ApplicationEntry, Inventory, WorkloadEntry

DELIVERED = frozenset({"bad_release", "bad_configuration_change", "application_out_of_sync", "sync_failed"})
"""Faults that came with what was delivered."""
CAPACITY = frozenset({"pod_cpu_overload"})


def advice(cause: RankedCause, inventory: Inventory) -> str:
    """One or two sentences about the cause's object; empty where nothing in particular stands in the way."""
    workload = next((entry for entry in inventory.workloads if _is(cause, entry)), None)
    if workload and cause.cause in CAPACITY and workload.autoscaled_max is not None:
        return _about_autoscaler(workload, workload.autoscaled_max)
    tracking = workload.application if workload else None
    name = cause.object.name if cause.object.kind == "application" else tracking
    application = inventory.application(name) if name else None
    if application and application.auto_sync:
        return _about_git(application, delivered=cause.cause in DELIVERED)
    return ""


def _is(cause: RankedCause, entry: WorkloadEntry) -> bool:
    where = cause.object
    same = (where.kind, where.name) == (entry.ref.kind, entry.ref.name)
    return same and where.namespace in {None, entry.ref.namespace}


def _about_autoscaler(workload: WorkloadEntry, most: int) -> str:
    has = f"has {workload.replicas} of at most {most} replicas"
    return (
        f"An autoscaler scales {workload.ref}, which {has}: scaling behind its back would not last. "
        "Raise its maximum where it is declared, or bring the load down."
    )


def _about_git(application: ApplicationEntry, *, delivered: bool) -> str:
    heals = " and puts live objects back" if application.self_heal else ""
    source = application.target_revision or "Git"
    says = (
        f"Argo CD application {application.name} follows {source} by itself{heals}: neither a patch nor a rollback "
        "would last."
    )
    history = application.history
    if not delivered or not history:
        return f"{says} Make the change in Git."
    bad = history[-1].revision
    before = next((item.revision for item in reversed(history) if item.revision != bad), None)
    well = f"; {before[:12]} ran before it" if before else ""
    return f"{says} Revert revision {bad[:12]} in Git{well}."
