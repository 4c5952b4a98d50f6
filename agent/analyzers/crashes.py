"""Containers that end by themselves: out of memory, ports in conflict, or for a reason only their log knows."""

import json
import re
from collections.abc import Iterator

from agent.analyzers.journal import Phrases, application_logs, last_line
from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, WEAK, Suspicion
from agent.cluster.pods import Container, ContainerStatus, Pod
from agent.cluster.quantities import quantity
from agent.cluster.workloads import Workload
from agent.looks import Statement, states
from agent.situation import Ailing, Situation, reference

OOM_WORDS = re.compile(r"OOM-?killed|out of memory", re.IGNORECASE)
LEAST_MEMORY = 12 * 2**20
"""Bytes: a container runtime needs about this much to start any process at all."""
PORT_WORDS = Phrases("address already in use", "was already in use", "EADDRINUSE", "port is already allocated")
PORT_CLAIMS = re.compile(r"port", re.IGNORECASE)
REASON_WORDS = Phrases("fatal", "panic", "exception", "error", "cannot", "can't", "failed", "unable")
RESTARTS_OF_A_LOOP = 2


def out_of_memory(situation: Situation) -> Iterator[Suspicion]:
    """Containers that were killed at their memory limit, and are not well since."""
    for workload in situation.workloads:
        for pod in situation.cluster.pods_of(workload):
            found = next(_oom(situation, workload, pod), None)
            if found:
                yield found
                break


def _oom(situation: Situation, workload: Workload, pod: Pod) -> Iterator[Suspicion]:
    for status in pod.statuses:
        container = next((item for item in pod.spec.containers if item.name == status.name), None)
        statements = tuple(_oom_signs(situation, pod, status))
        if statements and _recent(situation, pod, status):
            limit = _limit(situation, workload, container) if container else ()
            yield Suspicion("oom_killed", reference(workload), PROVEN, (*statements, *limit))
        elif container and not pod.ready and _starved(status, container):
            yield Suspicion("oom_killed", reference(workload), POSSIBLE, _limit(situation, workload, container))


def _oom_signs(situation: Situation, pod: Pod, status: ContainerStatus) -> Iterator[Statement]:
    ended, waiting = status.last_exit, status.state.waiting
    if ended and ended.reason == "OOMKilled":
        seen = situation.objects.sees(f"{pod} {status.name} last exit", ended.reason)
        restarts = situation.objects.sees(f"{pod} {status.name} restartCount", float(status.restart_count))
        yield states(
            f"{status.name} of {pod} was OOMKilled; it has restarted {status.restart_count} times", seen, restarts
        )
        return
    messages = [waiting.message if waiting else "", ended.message if ended else ""]
    said = next((text for text in messages if OOM_WORDS.search(text)), "")
    if said:
        seen = situation.objects.sees(f"{pod} {status.name} message", said)
        yield states(f"{status.name} of {pod}: {seen.value}", seen)
    elif not pod.ready:
        events = [event for event in situation.cluster.events_of(pod) if OOM_WORDS.search(event.message)]
        for event in events[-1:]:
            seen = situation.events.sees(f"{pod} {event.reason}", event.message)
            yield states(f"{pod}: {seen.value}", seen)


def _recent(situation: Situation, pod: Pod, status: ContainerStatus) -> bool:
    """Whether the kill belongs to the present: not ready now, or killed within the last minutes."""
    ended = status.last_exit
    age = situation.since(ended.finished_at) if ended else None
    return not pod.ready or (age is not None and age.total_seconds() < 900)


def _starved(status: ContainerStatus, container: Container) -> bool:
    limit = quantity(container.resources.limits.get("memory", ""))
    reason = status.state.waiting.reason if status.state.waiting else ""
    return (
        limit is not None
        and limit < LEAST_MEMORY
        and reason in {"ContainerCreating", "CrashLoopBackOff", "RunContainerError"}
    )


def _limit(situation: Situation, workload: Workload, container: Container) -> tuple[Statement, ...]:
    limit = container.resources.limits.get("memory")
    if limit is None:
        return ()
    seen = situation.objects.sees(f"{workload} {container.name} limits.memory", limit)
    return (states(f"the memory limit of {container.name} is {limit}", seen),)


def port_conflicts(situation: Situation) -> Iterator[Suspicion]:
    """Containers of one pod that want the same port."""
    for ailing in situation.ailing:
        clash = _declared_clash(situation, ailing)
        line = last_line(situation, application_logs(situation, ailing.sick), PORT_WORDS)
        statements = [*([clash] if clash else [])]
        if line:
            statements.insert(0, states(f"{line.key.container} cannot listen: {line.sighting.value}", line.sighting))
        crashed = any(status.restart_count for pod in ailing.sick for status in pod.status.container_statuses)
        if statements and (line or crashed):
            confidence = PROVEN if line and clash else STRONG if line else LIKELY
            yield Suspicion("service_sidecar_port_conflict", reference(ailing.workload), confidence, tuple(statements))


def _declared_clash(situation: Situation, ailing: Ailing) -> Statement | None:
    """A port that two containers declare, or that an annotation gives to an injected sidecar."""
    owners: dict[int, str] = {}
    for container in ailing.workload.template.containers:
        for port in container.ports:
            other = owners.setdefault(port.container_port, container.name)
            if other != container.name:
                seen = situation.objects.sees(
                    f"{ailing.workload} port {port.container_port}", f"{other}, {container.name}"
                )
                return states(f"{seen.value} both declare port {port.container_port}", seen)
    for name, text in ailing.workload.spec.template.metadata.annotations.items():
        for port in _ports_in(text):
            if port in owners:
                seen = situation.objects.sees(f"{ailing.workload} annotation {name}", text)
                return states(f"annotation {name} gives a sidecar port {port}, which {owners[port]} listens on", seen)
    return None


def _ports_in(text: str) -> Iterator[int]:
    """Ports in an annotation that holds a JSON object, such as Istio's `proxy.istio.io/config`."""
    try:
        document = json.loads(text)
    except ValueError:
        return
    if isinstance(document, dict):
        for key, value in document.items():  # pyright: ignore[reportUnknownVariableType]
            if PORT_CLAIMS.search(str(key)) and isinstance(value, int):  # pyright: ignore[reportUnknownArgumentType]
                yield value


def crash_loops(situation: Situation) -> Iterator[Suspicion]:
    """Containers that end again and again, with the last thing they said."""
    for ailing in situation.ailing:
        for pod in ailing.sick:
            status = next((item for item in pod.status.container_statuses if _loops(item)), None)
            if status:
                yield _crash_loop(situation, ailing, pod, status)
                break


def _loops(status: ContainerStatus) -> bool:
    waiting = status.state.waiting
    backing_off = waiting is not None and waiting.reason == "CrashLoopBackOff"
    return not status.ready and (
        backing_off or (status.restart_count >= RESTARTS_OF_A_LOOP and status.last_exit is not None)
    )


def _crash_loop(situation: Situation, ailing: Ailing, pod: Pod, status: ContainerStatus) -> Suspicion:
    restarts = situation.objects.sees(f"{pod} {status.name} restartCount", float(status.restart_count))
    statements = [states(f"{status.name} of {pod} has restarted {status.restart_count} times", restarts)]
    ended = status.last_exit
    if ended:
        code = situation.objects.sees(f"{pod} {status.name} exit code", float(ended.exit_code))
        statements.append(states(f"it last exited with code {ended.exit_code}", code))
    logs = [(key, log) for key, log in application_logs(situation, [pod]) if key.container == status.name]
    line = last_line(situation, logs, REASON_WORDS)
    if line:
        statements.append(states(f"it said: {line.sighting.value}", line.sighting))
    confidence = POSSIBLE if status.restart_count >= RESTARTS_OF_A_LOOP else WEAK
    return Suspicion("crash_loop", reference(ailing.workload), confidence, tuple(statements))
