"""Reading a plan's checks. What cannot be read has not passed."""

import operator
from datetime import UTC, datetime
from math import isnan

from temporalio import activity

from domain.actions import SyncApplication
from domain.alerts import fingerprint_of
from domain.checks import (
    AlertsClearedCheck,
    ApplicationCheck,
    Check,
    CheckResult,
    RolloutCheck,
    SignalCheck,
)
from domain.errors import TriagentError
from domain.inventory import ApplicationEntry
from domain.model import Model
from domain.signals import SignalCatalogue
from tools.alertmanager.read import AlertmanagerReader
from tools.argocd.read import ArgoReader
from tools.kubernetes.read import KubernetesReader
from tools.prometheus.read import PrometheusReader
from workflows.ports import FactStore

COMPARE = {"<=": operator.le, ">=": operator.ge}


class CheckInput(Model):
    """The checks of one plan."""

    incident_id: str
    checks: tuple[Check, ...]


class CheckOutput(Model):
    """Their results, in order."""

    results: tuple[CheckResult, ...]


class Verification:
    """Evaluates checks against live systems."""

    def __init__(
        self,
        *,
        signals: SignalCatalogue,
        window: str,
        store: FactStore,
        prometheus: PrometheusReader | None,
        alertmanager: AlertmanagerReader | None,
        kubernetes: KubernetesReader | None,
        argocd: ArgoReader | None,
    ) -> None:
        self._signals = signals
        self._window = window
        self._store = store
        self._prometheus = prometheus
        self._alertmanager = alertmanager
        self._kubernetes = kubernetes
        self._argocd = argocd

    @activity.defn(name="verification.check")
    async def check(self, request: CheckInput) -> CheckOutput:
        """Evaluate every check once."""
        return CheckOutput(results=tuple([await self._result(request, check) for check in request.checks]))

    async def _result(self, request: CheckInput, check: Check) -> CheckResult:
        try:
            passed, observed = await self._evaluate(request, check)
        except TriagentError as error:
            return CheckResult(check=check, passed=None, observed=f"unavailable: {error}"[:500])
        return CheckResult(check=check, passed=passed, observed=observed[:500])

    async def _evaluate(self, request: CheckInput, check: Check) -> tuple[bool | None, str]:
        match check:
            case SignalCheck():
                return await self._signal(check)
            case RolloutCheck():
                return await self._rollout(check)
            case ApplicationCheck():
                return await self._application(request.incident_id, check)
            case AlertsClearedCheck():
                return await self._alerts(request.incident_id, check)

    async def _signal(self, check: SignalCheck) -> tuple[bool | None, str]:
        if self._prometheus is None:
            return None, "Prometheus is not configured"
        query = self._signals.render(
            check.signal, namespace=check.namespace, service=check.service, window=self._window
        )
        samples = (await self._prometheus.instant(query)).value
        values = [sample.value for sample in samples if not isnan(sample.value)]
        if not values:
            return None, f"no samples for {check.signal}"
        worst = max(values) if check.comparison == "<=" else min(values)
        return COMPARE[check.comparison](worst, check.threshold), f"{check.signal} {worst:.4g}"

    async def _rollout(self, check: RolloutCheck) -> tuple[bool | None, str]:
        if self._kubernetes is None:
            return None, "Kubernetes is not configured"
        state = (await self._kubernetes.workload(check.workload)).value
        return state.rolled_out, state.message

    async def _application(self, incident_id: str, check: ApplicationCheck) -> tuple[bool | None, str]:
        if self._argocd is None:
            return None, "Argo CD is not configured"
        state = (await self._argocd.application(check.application)).value
        entry, deployed = state.entry, state.precondition.deployed_revision
        right_revision = check.revision is None or deployed == check.revision
        good = right_revision and entry.health == "Healthy" and state.operation_phase == "Succeeded"
        if good and _differs_from_git(entry, deployed):
            good = not await self._was_to_be_synced(incident_id, check.application)
        observed = f"health {entry.health}, operation {state.operation_phase}, {entry.sync_status}"
        return good, f"{observed}, runs {deployed[:12]}"

    async def _was_to_be_synced(self, incident_id: str, application: str) -> bool:
        """Whether the incident's plan syncs it; after a rollback it is meant to differ from Git."""
        plan = (await self._store.incident(incident_id)).plan
        actions = [planned.action for planned in plan.actions] if plan else []
        return any(isinstance(item, SyncApplication) and item.application == application for item in actions)

    async def _alerts(self, incident_id: str, check: AlertsClearedCheck) -> tuple[bool | None, str]:
        """Cleared when the resolved notice arrived for each, or Alertmanager, which listed it, no longer does."""
        incident = await self._store.incident(incident_id)
        noticed = {alert.fingerprint for alert in incident.alerts if alert.status == "resolved"}
        open_alerts = set(check.fingerprints) - noticed
        listed = open_alerts & set(check.listed)
        if listed and self._alertmanager is not None:
            open_alerts -= listed - await listed_by(self._alertmanager)
        observed = f"{len(open_alerts)} of {len(check.fingerprints)} alerts still firing"
        unlisted = len(open_alerts - listed)
        return not open_alerts, f"{observed}; {unlisted} until the sender says resolved" if unlisted else observed


def _differs_from_git(entry: ApplicationEntry, deployed: str) -> bool:
    """From what was deployed: where Git has moved on since, `OutOfSync` says nothing about the deployment."""
    return entry.sync_status != "Synced" and entry.target_commit in {"", deployed}


async def listed_by(alertmanager: AlertmanagerReader) -> frozenset[str]:
    """Fingerprints of the alerts that fire according to it: its own, and those that stand for senders without."""
    active = (alert for alert in (await alertmanager.alerts()).value if _still_active(alert.ends_at))
    return frozenset(name for alert in active for name in (alert.fingerprint, fingerprint_of(alert.labels)))


def _still_active(ends_at: datetime | None) -> bool:
    return ends_at is None or ends_at > datetime.now(UTC)
