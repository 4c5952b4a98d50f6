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
from domain.checks import AlertsClearedCheck, ApplicationCheck, Check, RolloutCheck
from domain.diagnosis import Finding, RankedCause
from domain.inventory import ApplicationEntry, Deployed, Inventory, RolloutRevision, WorkloadEntry, violations
from domain.learning import ActionType
from domain.model import Timestamp
from domain.objectives import Objectives
from domain.plans import PlanDraft
from domain.policy import Policy, refusals

SURE_ENOUGH = 0.4
"""Causes less sure than this get no plan."""
RELEASE_IS_RECENT = timedelta(hours=2)
"""A crash this long after a release is not blamed on it."""
CLOCKS_DIFFER = timedelta(minutes=1)
SCALE_FACTOR = 2
RATIONALE_LIMIT = 2000

MADE_BY_A_CHANGE = frozenset({"bad_release", "bad_configuration_change"})
"""Taking the change back is the remedy, whenever it was made."""
MENDED_BY_GOING_BACK = frozenset(
    {
        "oom_killed",
        "memory_leak",
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
LACKS_CAPACITY = frozenset({"pod_cpu_overload"})
LACKS_REPLICAS = frozenset({"deployment_zero_replicas", "replica_loss"})
UNLIKE_GIT = frozenset({"application_out_of_sync", "sync_failed"})
SERVICE_UNLIKE_GIT = frozenset(
    {"service_selector_mismatch", "service_port_mapping_mismatch", "service_protocol_mismatch", "gateway_misroute"}
)
STUCK = frozenset({"job_deadlocked", "connection_pool_exhausted"})


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

    `only` limits the types of action, such as to a known pattern's remedies. Every action is legal in `inventory` and
    allowed by `policy`. The checks: the rollout or application, the services' objectives, the alerts.
    """
    for cause in causes:
        if cause.confidence < SURE_ENOUGH:
            continue
        case = _Case(cause, inventory, policy, alerts)
        action = next((item for item in _remedies(case) if _allowed(item, case, only)), None)
        if action is not None:
            return PlanDraft(
                actions=(action,),
                checks=_checks(action, case, objectives),
                rationale=_rationale(cause, action),
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
    before = [item for item in entry.revisions if item.number < entry.current_revision]
    last = max(before, key=lambda item: item.number, default=None)
    return UndoRollout(workload=entry.ref, to_revision=last.number) if last else None


def _go_back_if_recent(case: _Case) -> Action | None:
    """Back only if what runs was delivered shortly before the trouble."""
    delivered = _delivered_at(case)
    if delivered is None:
        return None
    began = case.began
    if began is not None and not delivered - CLOCKS_DIFFER <= began <= delivered + RELEASE_IS_RECENT:
        return None
    return _go_back(case)


def _delivered_at(case: _Case) -> Timestamp | None:
    """When what runs now was delivered."""
    application, entry = case.application, case.workload
    if application is not None:
        return application.history[-1].deployed_at if application.history else None
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
    """Twice the replicas, within policy. A workload under an autoscaler is the autoscaler's to scale."""
    entry = case.workload
    if entry is None or entry.ref.kind == "daemonset" or entry.replicas == 0:
        return None
    if entry.autoscaled_max is not None:
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
    (MENDED_BY_GOING_BACK, _go_back_if_recent),
    (SERVICE_UNLIKE_GIT, _go_back_if_recent),
    (SERVICE_UNLIKE_GIT, _sync),
    (LACKS_CAPACITY, _scale_up),
    (LACKS_REPLICAS, _restore_replicas),
    (UNLIKE_GIT, _sync),
    (STUCK, _restart),
)


def _checks(action: Action, case: _Case, objectives: Objectives) -> tuple[Check, ...]:
    """What must hold for the plan to have helped."""
    checks: list[Check] = []
    if isinstance(action, SyncApplication | RollbackApplication):
        checks.append(ApplicationCheck(application=action.application))
    entry = case.workload
    if entry is not None:
        checks.append(RolloutCheck(workload=entry.ref))
    for namespace, service in dict.fromkeys(_services(case)):
        checks.extend(objectives.checks(namespace, service))
    fingerprints = tuple(alert.fingerprint for alert in case.alerts if alert.status == "firing" and alert.fingerprint)
    if fingerprints:
        checks.append(AlertsClearedCheck(fingerprints=fingerprints))
    return tuple(checks)


def _services(case: _Case) -> Iterator[tuple[str, str]]:
    """The workload itself, and workloads that alerts name; other names in alerts are only text."""
    if case.workload is not None:
        yield case.workload.ref.namespace, case.workload.ref.name
    seen = {(entry.ref.namespace, entry.ref.name) for entry in case.inventory.workloads}
    for alert in case.alerts:
        if alert.namespace and alert.service and (alert.namespace, alert.service) in seen:
            yield alert.namespace, alert.service


def _rationale(cause: Finding | RankedCause, action: Action) -> str:
    reasons = "; ".join(claim.text for claim in cause.claims[:3])
    return f"{action.type} because of {cause.cause} on {cause.object}: {reasons}"[:RATIONALE_LIMIT]
