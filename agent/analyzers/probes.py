"""Probes that fail a container which is well: wrong port, wrong protocol, too little patience.

Templates are read, not pods: sidecar injectors rewrite a pod's probes to their own port.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from agent.analyzers.listening import port_numbers, resolve
from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.cluster.objects import Event
from agent.cluster.pods import Container, ContainerStatus, Pod, Probe
from agent.cluster.workloads import Workload
from agent.looks import Statement, states
from agent.situation import Situation, reference

KILLED = frozenset({137, 143})
"""Exit codes of SIGKILL and SIGTERM: what the kubelet sends after a failed liveness probe."""
LATELY = timedelta(minutes=15)
IMPATIENT = 20
"""Seconds: a server that needs longer to start is common, a probe that gives up earlier is not."""
PROTOCOL_WORDS = re.compile(
    r"malformed HTTP|server gave HTTP response to HTTPS|first record does not look like a TLS|server preface|"
    r"not a valid grpc|Unimplemented|unknown service grpc\.health|http2: |statuscode: (?:404|405|415|426|505)",
    re.IGNORECASE,
)


def failed_probes(situation: Situation) -> Iterator[Suspicion]:
    """Why running containers are not ready, or are killed again and again."""
    for workload in situation.workloads:
        for pod in situation.cluster.pods_of(workload):
            found = next(_judged(situation, workload, pod), None)
            if found:
                yield found
                break


def _judged(situation: Situation, workload: Workload, pod: Pod) -> Iterator[Suspicion]:
    statuses = {status.name: status for status in pod.status.container_statuses}
    for container in workload.template.containers:
        status = statuses.get(container.name)
        if status is None:
            continue
        if container.liveness_probe and _restarted(situation, pod, status):
            yield from _liveness(situation, workload, pod, container, status)
        if container.readiness_probe and status.state.running and not status.ready:
            yield from _readiness(situation, workload, pod, container)


def _restarted(situation: Situation, pod: Pod, status: ContainerStatus) -> bool:
    """Whether the container was restarted of late for something other than memory."""
    ended = status.last_exit
    if not status.restart_count or ended is None or ended.reason == "OOMKilled":
        return False
    age = situation.since(ended.finished_at)
    return not pod.ready or (age is not None and age <= LATELY)


def _killed(status: ContainerStatus, complaint: Event | None, patience: int) -> bool:
    """Whether the kubelet ended it: by the signals it sends, else by a failed probe after it had lived long enough."""
    ended = status.last_exit
    if ended is None:
        return False
    if ended.exit_code in KILLED:
        return True
    at = complaint.at if complaint else None
    if at is None or ended.finished_at is None or ended.started_at is None:
        return at is not None
    lived = ended.finished_at - ended.started_at
    return at >= ended.finished_at - LATELY and lived.total_seconds() >= patience


def _complaint(situation: Situation, pod: Pod, kind: str) -> Event | None:
    """The latest event about the pod's probe of that kind."""
    events = [
        event
        for event in situation.cluster.events_of(pod)
        if event.reason == "Unhealthy" and event.message.startswith(kind)
    ]
    return events[-1] if events else None


def _liveness(
    situation: Situation, workload: Workload, pod: Pod, container: Container, status: ContainerStatus
) -> Iterator[Suspicion]:
    probe = container.liveness_probe
    if probe is None:
        return
    event = _complaint(situation, pod, "Liveness")
    restarts = situation.objects.sees(f"{pod} {container.name} restartCount", float(status.restart_count))
    symptom = states(f"{container.name} of {pod} has restarted {status.restart_count} times", restarts)
    misdirected = _misdirected(situation, workload, container, probe, event)
    if misdirected:
        yield Suspicion(
            f"liveness_probe_incorrect_{misdirected.what}",
            reference(workload),
            misdirected.confidence,
            (misdirected.proof, symptom),
        )
    elif _killed(status, event, probe.patience) and probe.patience <= IMPATIENT and not container.startup_probe:
        yield _impatient(situation, workload, container, probe, symptom)


def _impatient(
    situation: Situation, workload: Workload, container: Container, probe: Probe, symptom: Statement
) -> Suspicion:
    look, of = situation.objects, f"{workload} {container.name} livenessProbe"
    sightings = (
        look.sees(f"{of} seconds until it gives up", float(probe.patience)),
        look.sees(f"{of} initialDelaySeconds", float(probe.initial_delay_seconds)),
        look.sees(f"{of} periodSeconds", float(probe.period_seconds)),
        look.sees(f"{of} failureThreshold", float(probe.failure_threshold)),
    )
    proof = Statement(f"the liveness probe gives up {probe.patience} s after the start", sightings)
    confidence = STRONG if probe.patience <= IMPATIENT // 2 else LIKELY
    return Suspicion("liveness_probe_incorrect_timing", reference(workload), confidence, (proof, symptom))


def _readiness(situation: Situation, workload: Workload, pod: Pod, container: Container) -> Iterator[Suspicion]:
    probe = container.readiness_probe
    event = _complaint(situation, pod, "Readiness")
    misdirected = _misdirected(situation, workload, container, probe, event) if probe else None
    if misdirected:
        seen = situation.objects.sees(f"{pod} {container.name} ready", "false")
        symptom = states(f"{container.name} of {pod} runs and is not ready", seen)
        yield Suspicion(
            f"readiness_probe_incorrect_{misdirected.what}",
            reference(workload),
            misdirected.confidence,
            (misdirected.proof, symptom),
        )


class _Misdirection(NamedTuple):
    """`port` or `protocol`, the proof, and how sure it is."""

    what: str
    proof: Statement
    confidence: float


def _misdirected(
    situation: Situation, workload: Workload, container: Container, probe: Probe, event: Event | None
) -> _Misdirection | None:
    """What is wrong with where or how the probe asks; None for one that asks rightly."""
    known = port_numbers(container)
    port = resolve(probe.port, container) if probe.port else None
    look, of = situation.objects, f"{workload} {container.name}"
    if probe.port and known and port not in known:
        asked = look.sees(f"{of} probe port", probe.port)
        listening = look.sees(f"{of} ports", ", ".join(str(item) for item in sorted(known)))
        proof = states(
            f"the probe asks port {probe.port}; {container.name} listens on {listening.value}", asked, listening
        )
        return _Misdirection("port", proof, PROVEN)
    if event and PROTOCOL_WORDS.search(event.message):
        said = situation.events.sees(f"{workload} probe", event.message)
        proof = states(f"the {probe.protocol} probe is answered in another protocol: {said.value}", said)
        return _Misdirection("protocol", proof, PROVEN)
    spoken = _spoken(situation, workload, container, probe)
    if spoken and spoken != probe.protocol and probe.protocol in {"http", "grpc"}:
        asks, speaks = look.sees(f"{of} probe protocol", probe.protocol), look.sees(f"{of} protocol", spoken)
        proof = states(f"the probe speaks {asks.value}; {container.name} speaks {speaks.value}", asks, speaks)
        return _Misdirection("protocol", proof, LIKELY if event else POSSIBLE)
    return None


def _spoken(situation: Situation, workload: Workload, container: Container, probe: Probe) -> str | None:
    """The protocol on the probe's port: as its sibling probes ask it, else as the Service's port is named."""
    siblings = (container.readiness_probe, container.liveness_probe, container.startup_probe)
    for other in siblings:
        if other is not None and other is not probe and other.port == probe.port and other.protocol in {"http", "grpc"}:
            return other.protocol
    port = resolve(probe.port, container)
    for service in situation.services:
        if workload in situation.cluster.backends(service):
            for item in service.spec.ports:
                if resolve(item.target_port or str(item.port), container) == port:
                    return next((name for name in ("grpc", "http") if item.name.startswith(name)), None)
    return None
