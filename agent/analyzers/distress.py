"""Whether a workload is in trouble now: what lines of a log must come with to mean more than a bad moment."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.analyzers.journal import Line, Phrases, application_logs, last_line
from agent.analyzers.suspicion import POSSIBLE
from agent.cluster.workloads import Workload
from agent.looks import Statement, number, states
from agent.situation import Situation

SYMPTOMS = ("error_ratio", "latency_p50", "latency_p95")
ALERT_LABELS = ("service", "deployment", "statefulset", "workload", "app", "job_name", "pod")


@dataclass(frozen=True)
class Distress:
    """The signs of trouble. `measured`: whether failing requests would show, so that no sign means that it is well."""

    statements: tuple[Statement, ...]
    measured: bool

    def weighs(self, confidence: float) -> float:
        """How sure a suspicion is in this light: as sure as it can be, a possibility, or nothing at all."""
        if self.statements:
            return confidence
        return 0.0 if self.measured else min(confidence, POSSIBLE)


def service_names(situation: Situation, workload: Workload) -> frozenset[str]:
    """What metrics may call the workload: its own name and those of Services in front of it."""
    fronts = (item.name for item in situation.services if workload in situation.cluster.backends(item))
    return frozenset({workload.name, *fronts})


def distress_of(situation: Situation, workload: Workload) -> Distress:
    """Lacking replicas, failing or slow requests of its own or of who calls it, alerts that name it."""
    names = service_names(situation, workload)
    signs = (*_lacking(situation, workload), *_requests(situation, names), *_alerts(situation, workload, names))
    return Distress(signs[:2], measured=situation.onset is None or _measured(situation, names))


def _measured(situation: Situation, names: frozenset[str]) -> bool:
    signals = (situation.signals[name] for name in SYMPTOMS if name in situation.signals)
    return any(series.labels.get("service") in names for signal in signals for series in signal.series)


def complaints(situation: Situation, phrases: Phrases) -> Iterator[tuple[Workload, Line]]:
    """The latest recent line of each workload that holds one of the phrases."""
    for workload in situation.workloads:
        line = last_line(situation, application_logs(situation, situation.cluster.pods_of(workload)), phrases)
        if line:
            yield workload, line


def _lacking(situation: Situation, workload: Workload) -> Iterator[Statement]:
    if not situation.healthy(workload) and workload.desired > 0:
        ready = situation.objects.sees(f"{workload} readyReplicas", float(workload.status.ready_replicas))
        wanted = situation.objects.sees(f"{workload} spec.replicas", float(workload.desired))
        yield states(f"{workload} has {ready.value:g} of {wanted.value:g} replicas ready", ready, wanted)


def _requests(situation: Situation, names: frozenset[str]) -> Iterator[Statement]:
    callers = sorted(caller for name in names for caller in situation.calls.calling(name))
    for name in (*sorted(names), *callers):
        anomaly = situation.risen(name, *SYMPTOMS)
        if anomaly:
            before, now = anomaly.sightings
            yield states(f"{anomaly.signal} of {name} rose from {number(before)} to {number(now)}", before, now)
            return


def _alerts(situation: Situation, workload: Workload, names: frozenset[str]) -> Iterator[Statement]:
    for alert in situation.alerts:
        named = {alert.labels[label] for label in ALERT_LABELS if label in alert.labels}
        if named & names or any(name.startswith(f"{workload.name}-") for name in named):
            seen = situation.alerts_look.sees(f"alert {alert.fingerprint}", alert.labels.get("alertname", "an alert"))
            yield states(f"{seen.value} fires for {workload.name}", seen)
            return
