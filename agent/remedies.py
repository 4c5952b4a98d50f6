"""From causes to a plan: the least action that addresses what was found, through GitOps where GitOps owns the object.

Pure. A cause that no typed action can mend has no plan: a diagnosis alone is better than an action beside the point.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from domain.actions import (
    Action,
    RestartWorkload,
    RollbackApplication,
    ScaleWorkload,
    SyncApplication,
    UndoRollout,
)
from domain.alerts import Alert
from domain.checks import AlertsClearedCheck, Check, RolloutCheck, settled
from domain.diagnosis import Finding, RankedCause
from domain.inventory import ApplicationEntry, Deployed, Inventory, RolloutRevision, WorkloadEntry, violations
from domain.learning import ActionType
from domain.model import Timestamp
from domain.objectives import Objectives
from domain.plans import RATIONALE_LIMIT, PlanDraft
from domain.policy import Policy, refusals

SURE_ENOUGH = 0.4
"""Causes less sure than this get no plan."""
AS_SURE = 0.75
"""A cause further down the list gets the plan only if it is this sure by the first one's confidence."""
RELEASE_IS_RECENT = timedelta(hours=2)
"""A crash this long after a release is not blamed on it."""
CLOCKS_DIFFER = timedelta(minutes=1)
SCALE_FACTOR = 2

MADE_BY_A_CHANGE = frozenset({"bad_release", "bad_configuration_change"})
"""Taking the change back is the remedy, whenever it was made."""
MENDED_BY_GOING_BACK = frozenset(
    {
        "oom_killed",
        "crash_loop",
        "incorrect_image_reference",
        "image_registry_dns_failure",
        "missing_image_pull_secret",
        "container_command_not_found",
        "init_container_failure",
        "missing_secret_binding",
        "missing_config_map",
        "missing_service_account",
        "volume_mount_permission_denied",
        "liveness_probe_incorrect_port",
        "liveness_probe_incorrect_protocol",
        "liveness_probe_incorrect_timing",
        "readiness_probe_incorrect_port",
        "readiness_probe_incorrect_protocol",
        "service_sidecar_port_conflict",
        "service_env_var_address_mismatch",
        "service_dns_resolution_failure",
        "mysql_invalid_credentials",
        "mysql_invalid_port",
        "node_selector_mismatch",
        "node_affinity_mismatch",
        "pod_anti_affinity_conflict",
        "taint_toleration_mismatch",
        "cpu_capacity_mismatch",
        "memory_capacity_mismatch",
    }
)
"""Faults of a workload's own template: the revision before did not have them, if the fault came with a recent one."""
AT_FAULT = {
    "missing_secret_binding": frozenset({"env", "env_from", "volumes", "init_containers", "configuration"}),
    "missing_image_pull_secret": frozenset({"image", "image_pull_secrets", "service_account_name", "init_containers"}),
    "missing_service_account": frozenset({"service_account_name"}),
    "incorrect_image_reference": frozenset({"image", "init_containers"}),
    "image_registry_dns_failure": frozenset({"image", "init_containers"}),
    "node_selector_mismatch": frozenset({"node_selector", "affinity", "tolerations"}),
    "node_affinity_mismatch": frozenset({"node_selector", "affinity", "tolerations"}),
    "pod_anti_affinity_conflict": frozenset({"affinity"}),
    "taint_toleration_mismatch": frozenset({"tolerations", "node_selector", "affinity"}),
}
"""The parts of a template such a fault is in: a revision that changed none of them did not bring it."""
LACKS_CAPACITY = frozenset({"pod_cpu_overload"})
LACKS_REPLICAS = frozenset({"deployment_zero_replicas", "replica_loss"})
UNLIKE_GIT = frozenset({"application_out_of_sync", "sync_failed"})
OF_A_SERVICE = frozenset({"service_selector_mismatch", "service_port_mapping_mismatch", "service_protocol_mismatch"})
"""Faults of a Service: no rollout of its workload mends them, only the application that delivers the Service."""
BROUGHT_BY_A_RELEASE = frozenset({"rate_limited", "connection_pool_exhausted", "memory_leak"})
"""Faults of the code: the release that brought them, if one did shortly before."""
FREED_BY_A_RESTART = frozenset({"connection_pool_exhausted", "memory_leak"})
"""What a process has lost to itself it gets back with a new start, for a while."""


@dataclass(frozen=True)
class _Case:
    """One cause with all that a remedy may look at."""

    cause: Finding | RankedCause
    inventory: Inventory
    policy: Policy
    alerts: tuple[Alert, ...]

    @property
    def workload(self) -> WorkloadEntry | None:
        """The workload the cause is about; a Service's by name."""
        where = self.cause.object
        return next(
            (
                entry
                for entry in self.inventory.workloads
                if entry.ref.name == where.name
                and where.namespace in {None, entry.ref.namespace}
                and where.kind in {entry.ref.kind, "app", "service", "workload"}
            ),
            None,
        )

    @property
    def application(self) -> ApplicationEntry | None:
        """The application the cause is about, or that tracks its workload."""
        if self.cause.object.kind == "application":
            return self.inventory.application(self.cause.object.name)
        entry = self.workload
        return self.inventory.application(entry.application) if entry and entry.application else None

    @property
    def began(self) -> Timestamp | None:
        """When the first alert fired."""
        return min((alert.starts_at for alert in self.alerts), default=None)


def propose(
    causes: Sequence[Finding | RankedCause],
    inventory: Inventory,
    objectives: Objectives,
    *,
    alerts: tuple[Alert, ...],
    policy: Policy,
    only: tuple[ActionType, ...] | None = None,
) -> PlanDraft | None:
    """The plan for the first cause that an action addresses; None if there is none.

    Where nothing mends the likeliest cause, a far less likely one is no reason to act: people decide. `only` limits the
    types of action, such as to a known pattern's remedies. Every action is legal in `inventory` and allowed by
    `policy`. The checks: the rollout or application, the services' objectives, the alerts.
    """
    surest = max((cause.confidence for cause in causes), default=0.0)
    for cause in causes:
        if cause.confidence < max(SURE_ENOUGH, AS_SURE * surest):
            continue
        case = _Case(cause, inventory, policy, alerts)
        action = next((item for item in _remedies(case) if _allowed(item, case, only)), None)
        if action is not None:
            return PlanDraft(
                actions=(action,),
                checks=_checks(action, case, objectives),
                rationale=_rationale(case, action),
            )
    return None


def _allowed(action: Action, case: _Case, only: tuple[ActionType, ...] | None) -> bool:
    if only is not None and action.type not in only:
        return False
    return not violations(action, case.inventory) and not refusals(action, case.inventory, case.policy)


def _remedies(case: _Case) -> tuple[Action, ...]:
    """Actions that address the cause, best first."""
    found = (remedy(case) for causes, remedy in _REMEDIES if case.cause.cause in causes)
    return tuple(action for action in found if action is not None)


def _go_back(case: _Case) -> Action | None:
    """Back to what ran before, by the way it was delivered."""
    entry = case.workload
    application = case.application
    if application is not None:
        return _roll_back(application)
    if entry is None or entry.application is not None or entry.current_revision is None:
        return None  # an application that tracks it but was not seen still owns it
    good = _good_revision(case)
    return UndoRollout(workload=entry.ref, to_revision=good.number) if good else None


def _go_back_if_recent(case: _Case) -> Action | None:
    """Back only if what may have brought the fault was delivered shortly before the trouble, or anew since."""
    brought = _brought_at(case)
    return _go_back(case) if _recently(case, brought) or _anew(case, brought) else None


def _anew(case: _Case, delivered: Timestamp | None) -> bool:
    """Whether it was delivered while alerts fired already, and is known to have changed what is at fault."""
    good = _good_revision(case)
    known = case.cause.cause in AT_FAULT and good is not None and good.differs is not None
    return known and delivered is not None and case.began is not None and case.began < delivered


def _brought_at(case: _Case) -> Timestamp | None:
    """When the fault may have been delivered; None where what ran before is the same in what is at fault."""
    entry, good = case.workload, _good_revision(case)
    if case.application is not None:
        return _delivered_at(case.application) if good or not _earlier(entry) else None
    return _revision_after(entry, good).created_at if entry and good else None


def _good_revision(case: _Case) -> RolloutRevision | None:
    """The newest earlier revision that is different where the fault is; one whose pods are ready before all others."""
    parts = AT_FAULT.get(case.cause.cause)
    different = [
        item
        for item in _earlier(case.workload)
        if parts is None or item.differs is None or not parts.isdisjoint(item.differs)
    ]
    return max(different, key=lambda item: (item.ready > 0, item.number), default=None)


def _earlier(entry: WorkloadEntry | None) -> tuple[RolloutRevision, ...]:
    """Revisions from before the current one."""
    if entry is None or entry.current_revision is None:
        return ()
    return tuple(item for item in entry.revisions if item.number < entry.current_revision)


def _revision_after(entry: WorkloadEntry, good: RolloutRevision) -> RolloutRevision:
    """The one that brought what `good` does not have."""
    return min((item for item in entry.revisions if item.number > good.number), key=lambda item: item.number)


def _recently(case: _Case, delivered: Timestamp | None) -> bool:
    """Whether the trouble began soon after `delivered`."""
    if delivered is None:
        return False
    began = case.began
    return began is None or delivered - CLOCKS_DIFFER <= began <= delivered + RELEASE_IS_RECENT


def _deliver_again_if_recent(case: _Case) -> Action | None:
    """The application's revision before, if the one that runs came shortly before the trouble."""
    application = case.application
    return _roll_back(application) if application and _recently(case, _delivered_at(application)) else None


def _sync_if_changed_by_hand(case: _Case) -> Action | None:
    """What Git says, where somebody changed the template after Argo CD had delivered it."""
    application, made = case.application, _rolled_out_at(case.workload)
    if application is None or made is None or not application.history:
        return None
    delivered = application.history[-1].deployed_at
    return _sync(case) if delivered is not None and made > delivered + CLOCKS_DIFFER else None


def _delivered_at(application: ApplicationEntry) -> Timestamp | None:
    """When what runs now was delivered."""
    return application.history[-1].deployed_at if application.history else None


def _rolled_out_at(entry: WorkloadEntry | None) -> Timestamp | None:
    """When the workload's current revision was made."""
    if entry is None:
        return None
    current: RolloutRevision | None = next(
        (item for item in entry.revisions if item.number == entry.current_revision), None
    )
    return current.created_at if current else None


def _roll_back(application: ApplicationEntry) -> Action | None:
    """The newest history entry of another revision. Argo CD refuses a rollback while auto-sync is on."""
    if application.auto_sync or not application.history:
        return None
    deployed = application.history[-1]
    others = [item for item in application.history[:-1] if item.revision != deployed.revision]
    if not others:
        return None
    good: Deployed = others[-1]
    return RollbackApplication(application=application.name, history_id=good.history_id, revision=good.revision)


def _scale_up(case: _Case) -> Action | None:
    """Twice the replicas, within policy; not against whoever sets them already: an autoscaler, or self-heal."""
    entry = case.workload
    if entry is None or entry.ref.kind == "daemonset" or entry.replicas == 0 or entry.autoscaled_max is not None:
        return None
    application = case.application
    if entry.application is not None and (application is None or application.self_heal):
        return None
    factor = min(float(SCALE_FACTOR), case.policy.max_scale_factor)
    replicas = min(max(int(entry.replicas * factor), entry.replicas + 1), case.policy.max_replicas)
    return ScaleWorkload(workload=entry.ref, replicas=replicas) if replicas > entry.replicas else None


def _restore_replicas(case: _Case) -> Action | None:
    """What Git says where Argo CD owns the workload; one replica where nobody says how many."""
    application, entry = case.application, case.workload
    if application is not None:
        return _sync(case)
    if entry is None or entry.application is not None or entry.ref.kind == "daemonset":
        return None
    if entry.replicas == 0:
        return ScaleWorkload(workload=entry.ref, replicas=1)
    return RestartWorkload(workload=entry.ref)


def _sync(case: _Case) -> Action | None:
    """Let Argo CD apply what is deployed according to it; it does so by itself where self-heal is on."""
    application = case.application
    if application is None or application.self_heal or application.sync_status == "Synced":
        return None
    revision = application.history[-1].revision if application.history else application.target_revision
    return SyncApplication(application=application.name, revision=revision) if revision else None


def _restart(case: _Case) -> Action | None:
    return RestartWorkload(workload=case.workload.ref) if case.workload else None


_REMEDIES: tuple[tuple[frozenset[str], Callable[[_Case], Action | None]], ...] = (
    (MADE_BY_A_CHANGE, _go_back),
    (MENDED_BY_GOING_BACK, _sync_if_changed_by_hand),
    (MENDED_BY_GOING_BACK, _go_back_if_recent),
    (OF_A_SERVICE, _sync),
    (OF_A_SERVICE, _deliver_again_if_recent),
    (LACKS_CAPACITY, _scale_up),
    (LACKS_REPLICAS, _restore_replicas),
    (UNLIKE_GIT, _sync),
    (BROUGHT_BY_A_RELEASE, _go_back_if_recent),
    (FREED_BY_A_RESTART, _restart),
)


def _checks(action: Action, case: _Case, objectives: Objectives) -> tuple[Check, ...]:
    """What must hold for the plan to have helped."""
    checks: list[Check] = [settled(action)]
    entry = case.workload
    if entry is not None:
        checks.append(RolloutCheck(workload=entry.ref))
    for namespace, service in dict.fromkeys(_services(case)):
        checks.extend(objectives.checks(namespace, service))
    fingerprints = tuple(alert.fingerprint for alert in case.alerts if alert.status == "firing")
    if fingerprints:
        checks.append(AlertsClearedCheck(fingerprints=fingerprints))
    return tuple(dict.fromkeys(checks))


def _services(case: _Case) -> Iterator[tuple[str, str]]:
    """The workload itself, and workloads that alerts name; other names in alerts are only text."""
    if case.workload is not None:
        yield case.workload.ref.namespace, case.workload.ref.name
    seen = {(entry.ref.namespace, entry.ref.name) for entry in case.inventory.workloads}
    for alert in case.alerts:
        if alert.namespace and alert.service and (alert.namespace, alert.service) in seen:
            yield alert.namespace, alert.service


def _rationale(case: _Case, action: Action) -> str:
    cause = case.cause
    reasons = "; ".join(claim.text for claim in cause.claims[:3])
    text = f"{action.type} because of {cause.cause} on {cause.object}: {reasons}"
    if isinstance(action, ScaleWorkload) and case.application is not None:
        text = f"Until Git says so too, the next sync of {case.application.name} sets the replicas back. {text}"
    return text[:RATIONALE_LIMIT]
