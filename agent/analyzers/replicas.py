"""Workloads with fewer replicas than their callers need, for no fault of the pods."""

import re
from collections.abc import Iterator

from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.cluster.workloads import Workload
from agent.looks import Statement, states
from agent.situation import Ailing, Situation, reference

_SCALED = re.compile(r"from \d+ to 0|Scaled down")


def scaled_to_zero(situation: Situation) -> Iterator[Suspicion]:
    """Workloads without replicas that Git wants, or somebody calls."""
    for workload in situation.workloads:
        if workload.desired != 0 or workload.kind == "DaemonSet":
            continue
        wanted = tuple(_wanted(situation, workload))
        if wanted:
            seen = situation.objects.sees(f"{workload} spec.replicas", 0.0)
            proof = states(f"{workload} asks for 0 replicas", seen)
            sure = PROVEN if len(wanted) > 1 else STRONG
            yield Suspicion("deployment_zero_replicas", reference(workload), sure, (proof, *wanted))


def _wanted(situation: Situation, workload: Workload) -> Iterator[Statement]:
    manifest = situation.manifest_of(workload.name)
    declared = next((w for w in manifest.cluster.workloads if w.name == workload.name), None) if manifest else None
    if manifest and declared and declared.spec.replicas > 0:
        seen = manifest.look.sees(f"{workload} spec.replicas", float(declared.spec.replicas))
        yield states(f"Git wants {declared.spec.replicas}", seen)
    callers = sorted(situation.calls.calling(workload.name))
    if callers:
        graph = situation.signals.get("dependencies")
        look = graph.look if graph else situation.objects
        seen = look.sees(f"callers of {workload.name}", ", ".join(callers))
        yield states(f"{workload} is called by {seen.value}", seen)
    for alert in situation.alerts:
        if alert.labels.get("service") == workload.name:
            seen = situation.alerts_look.sees(f"alert {alert.fingerprint}", alert.labels.get("alertname", "alert"))
            yield states(f"{seen.value} fires for {workload.name}", seen)
            break
    events = [item for item in situation.cluster.events_of(workload) if _SCALED.search(item.message)]
    if events:
        seen = situation.events.sees(f"{workload} {events[-1].reason}", events[-1].message)
        yield states(f"{workload}: {seen.value}", seen)


def lost_replicas(situation: Situation) -> Iterator[Suspicion]:
    """Workloads with fewer pods than asked for where all that exist are well and nothing refuses new ones."""
    for ailing in situation.ailing:
        if ailing.sick or not ailing.missing:
            continue
        wanted = situation.objects.sees(f"{ailing.workload} spec.replicas", float(ailing.workload.desired))
        ready = situation.objects.sees(f"{ailing.workload} readyReplicas", float(ailing.workload.status.ready_replicas))
        yield Suspicion(
            "replica_loss",
            reference(ailing.workload),
            LIKELY if ailing.pods else POSSIBLE,
            (states(_words(ailing), wanted, ready),),
        )


def _words(ailing: Ailing) -> str:
    workload = ailing.workload
    return f"{workload} asks for {workload.desired} replicas and has {workload.status.ready_replicas}"
