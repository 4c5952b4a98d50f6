"""Trouble that began with a change of the very workload that is in trouble, and that nothing it calls explains."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

from agent.analyzers.distress import service_names
from agent.analyzers.suspicion import LIKELY, POSSIBLE, STRONG, Suspicion
from agent.anomalies import Anomaly
from agent.changes import Change, recent_changes
from agent.looks import Statement, number, states
from agent.situation import Situation, reference

SIGNALS = ("error_ratio", "latency_p50", "latency_p95", "restarts", "cpu_usage", "memory_usage")
HARMFUL = frozenset({"error_ratio", "latency_p50", "latency_p95", "restarts"})
"""Signals whose rise is trouble by itself; the others corroborate."""
SOON = timedelta(minutes=10)
"""Trouble that begins later than this after a change has another cause more often than not."""
RETURNED = 0.4
"""What remains of the confidence where the revision had run before, and well: it was rolled back to."""
LOADED = 0.5
"""What remains of the confidence where requests had multiplied when the trouble began, and not with the change."""
MUCH_MORE_LOAD = 1.5
AT_ONCE = timedelta(minutes=2)
BLUR = timedelta(seconds=45)
"""How much earlier than the change a smoothed signal may seem to have risen."""
DWARFED = 0.5
"""A callee whose errors rose by this share of the caller's explains them."""


def bad_changes(situation: Situation) -> Iterator[Suspicion]:
    """Releases and configuration changes after which their workload went bad."""
    for change in map(partial(_blamed_from, situation), recent_changes(situation)):
        broken, harmed = tuple(_broken_pods(situation, change)), _harmed(situation, change)
        if change.returns and not broken:
            continue  # what ran well before is a remedy: signals that still fall after it are not its doing
        symptoms = [*broken, *(_worse(item) for item in harmed)]
        if not symptoms:
            continue
        cause = "bad_release" if change.images or not change.parts else "bad_configuration_change"
        at_once = any(item.onset <= change.at + AT_ONCE for item in harmed)
        sure = STRONG if at_once or broken else LIKELY
        if change.returns:
            sure *= RETURNED
        if not broken and _loaded(situation, harmed, change):
            sure *= LOADED
        yield Suspicion(
            cause, reference(change.workload), sure, (*change.statements[:2], *symptoms[:3], *change.statements[2:])
        )
    yield from _unmeasured(situation)


def _blamed_from(situation: Situation, change: Change) -> Change:
    """The change as of its first life, if the trouble began in that and came back with it: then it is no remedy."""
    if change.first_life is None:
        return change
    made, replaced = change.first_life
    subjects = service_names(situation, change.workload)
    harm = (item for item in situation.anomalies if item.subject in subjects and item.signal in HARMFUL)
    if any(item.rise > 0 and not item.over and made <= item.onset <= replaced for item in harm):
        return replace(change, at=made, returns=False)
    return change


def _harmed(situation: Situation, change: Change) -> list[Anomaly]:
    """Signals of the workload that rose after the change, if one is harm that nothing below explains."""
    subjects = service_names(situation, change.workload)
    rises = [
        item
        for item in situation.anomalies
        if item.subject in subjects
        and item.signal in SIGNALS
        and item.rise > 0
        and not item.over
        and _followed(item, change)
    ]
    harm = any(item.signal in HARMFUL and not _inherited(situation, item) for item in rises)
    return sorted(rises, key=lambda item: SIGNALS.index(item.signal)) if harm else []


def _loaded(situation: Situation, harmed: list[Anomaly], change: Change) -> bool:
    """Whether one of the services that suffer gets far more requests than before, and began to suffer only then.

    What fails with the change is asked again, which is load, too: it suffers from the change on.
    """
    began = min((item.onset for item in harmed if item.signal in HARMFUL), default=change.at)
    loads = (situation.anomaly(item.subject, "request_rate") for item in harmed)
    multiplied = any(load is not None and load.now >= MUCH_MORE_LOAD * load.before for load in loads)
    return multiplied and began > change.at + BLUR


def _worse(item: Anomaly) -> Statement:
    before, now = item.sightings
    began = item.look.sees(f"{item.subject} {item.signal} since", item.onset.isoformat())
    text = f"{item.signal} of {item.subject} rose from {number(before)} to {number(now)} at {began.value}"
    return states(text, before, now, began)


def _followed(anomaly: Anomaly, change: Change) -> bool:
    return change.at - BLUR <= anomaly.onset <= change.at + SOON


def _inherited(situation: Situation, anomaly: Anomaly) -> bool:
    """Whether something below has the same trouble to a like degree, and not in the past, or does not serve at all."""
    below = situation.calls.below(anomaly.subject)
    down = any(state.down and below & service_names(situation, state.workload) for state in situation.ailing)
    return down or any(
        other.subject in below and other.signal == anomaly.signal and other.rise >= DWARFED * anomaly.rise
        for other in situation.anomalies
        if other.ongoing
    )


def _broken_pods(situation: Situation, change: Change) -> Iterator[Statement]:
    """Pods of the new revision that are not ready, or were killed since."""
    newest = situation.cluster.revisions_of(change.workload)[-1:]
    for pod in situation.cluster.pods_of(change.workload):
        restarts = sum(status.restart_count for status in pod.status.container_statuses)
        age = situation.since(pod.metadata.creation_timestamp)
        if any(map(pod.is_of, newest)) and ((not pod.ready and age and age > timedelta(seconds=20)) or restarts > 1):
            seen = situation.objects.sees(f"{pod} restarts", float(restarts))
            ready = situation.objects.sees(f"{pod} ready", str(pod.ready).lower())
            yield states(f"{pod} of the new revision: ready {ready.value}, {restarts} restarts", ready, seen)
            return


def _unmeasured(situation: Situation) -> Iterator[Suspicion]:
    """Changes just before an alert on the same service, where there are no metrics to say more."""
    if situation.signals:
        return
    for change in recent_changes(situation):
        names = service_names(situation, change.workload)
        for alert in situation.alerts:
            gap = alert.starts_at - change.at
            if alert.labels.get("service") in names and timedelta(0) <= gap <= SOON:
                seen = situation.alerts_look.sees(f"alert {alert.fingerprint}", alert.starts_at.isoformat())
                name = alert.labels.get("alertname", "an alert")
                proof = states(f"{name} fires since {seen.value}, just after", seen)
                cause = "bad_release" if change.images else "bad_configuration_change"
                yield Suspicion(cause, reference(change.workload), POSSIBLE, (*change.statements, proof))
                break
