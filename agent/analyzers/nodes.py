"""Nodes and what runs on them: kubelet, container runtime, kube-proxy, scheduler, pressure."""

import re
from collections.abc import Iterator
from datetime import timedelta

from agent.analyzers.journal import Line, application_logs, recent
from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.cluster.nodes import Node
from agent.cluster.pods import Pod
from agent.looks import Statement, states
from agent.situation import Situation
from domain.objects import ObjectRef
from tools.prometheus.models import Series

UNITS = (
    (re.compile(r"^kubelet"), "kubelet_unavailable"),
    (re.compile(r"^(?:containerd|docker|crio|cri-o)"), "containerd_unavailable"),
    (re.compile(r"^kube-proxy"), "kube_proxy_unavailable"),
    (re.compile(r"^kube-scheduler"), "kube_scheduler_unavailable"),
)
RUNTIME_WORDS = re.compile(
    r"containerd\.sock|container runtime (?:is down|network not ready)|PLEG is not healthy|dockerd|crio\.sock",
    re.IGNORECASE,
)
_DIAL_TIMEOUT = re.compile(r"dial tcp (\d+\.\d+\.\d+\.\d+):\d+: (?:connect: )?(?:i/o timeout|connection timed out)")
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")
LEASE_GRACE = timedelta(seconds=40)
"""A node whose lease is this much older than its fellows' has lost its kubelet; the controller's own grace period."""
UNDECIDED = timedelta(seconds=20)
"""The scheduler looks at a new pod within a second; one that waits this long without a word was not looked at."""


def stopped_units(situation: Situation) -> Iterator[Suspicion]:
    """Services of nodes that systemd says are not active."""
    signal = situation.signals.get("node_unit_active")
    for series in signal.series if signal else ():
        unit, node = series.labels.get("name", ""), series.labels.get("node", "")
        cause = next((name for words, name in UNITS if words.match(unit)), None)
        if signal and cause and node and series.points and series.points[-1][1] < 1:
            seen = signal.look.sees(f"{node} {unit} active", 0.0)
            proof = states(f"{unit} is not active on node/{node}", seen)
            yield Suspicion(cause, _node(node), PROVEN, (proof, *_symptoms(situation, node)))


def _node(name: str) -> ObjectRef:
    return ObjectRef(kind="node", name=name)


def _symptoms(situation: Situation, name: str) -> tuple[Statement, ...]:
    node = situation.cluster.node(name)
    condition = node.condition("Ready") if node else None
    if node is None or condition is None or node.ready:
        return ()
    seen = situation.objects.sees(f"{node} Ready", f"{condition.status} {condition.reason} {condition.message}")
    return (states(f"{node} Ready is {seen.value}", seen),)


def unready_nodes(situation: Situation) -> Iterator[Suspicion]:
    """Nodes whose kubelet reports trouble, or no longer reports."""
    for node in situation.cluster.nodes:
        runtime = _runtime_words(situation, node)
        stale = _stale_lease(situation, node)
        condition = node.condition("Ready")
        unknown = condition is not None and condition.status == "Unknown"
        symptoms = _symptoms(situation, node.name)
        if unknown or stale:
            sure = STRONG if unknown and stale else LIKELY
            yield Suspicion("kubelet_unavailable", reference_of(node), sure, (*symptoms, *stale))
        elif runtime and not node.ready:
            yield Suspicion("containerd_unavailable", reference_of(node), STRONG, (*symptoms, *runtime))
        elif runtime and _recently(situation, node):
            yield Suspicion("containerd_unavailable", reference_of(node), LIKELY, runtime)
        elif not node.ready:
            yield Suspicion("node_not_ready", reference_of(node), LIKELY, symptoms)


def reference_of(node: Node) -> ObjectRef:
    """The node as findings name it."""
    return _node(node.name)


def _runtime_words(situation: Situation, node: Node) -> tuple[Statement, ...]:
    """What the kubelet says about a runtime it cannot reach: of the node, else of pods that do not start on it."""
    condition = node.condition("Ready")
    if condition and RUNTIME_WORDS.search(condition.message):
        seen = situation.objects.sees(f"{node} Ready message", condition.message)
        return (states(f"{node}: {seen.value}", seen),)
    sick = [pod for pod in situation.pods if pod.spec.node_name == node.name and not pod.ready]
    events = [item for item in situation.cluster.events_of(node, *sick) if RUNTIME_WORDS.search(item.message)]
    if not events:
        return ()
    said = situation.events.sees(f"{node} {events[-1].reason}", events[-1].message)
    return (states(f"on {node}: {said.value}", said),)


def _recently(situation: Situation, node: Node) -> bool:
    return any(pod.spec.node_name == node.name and not pod.ready for pod in situation.pods)


def _stale_lease(situation: Situation, node: Node) -> tuple[Statement, ...]:
    renewed = {lease.name: lease.spec.renew_time for lease in situation.cluster.leases if lease.spec.renew_time}
    mine, latest = renewed.get(node.name), max(renewed.values(), default=None)
    if mine is None or latest is None or latest - mine < LEASE_GRACE:
        return ()
    seen = situation.objects.sees(f"lease/{node.name} renewTime", mine.isoformat())
    other = situation.objects.sees("latest lease renewTime", latest.isoformat())
    return (states(f"{node} has not renewed its lease since {seen.value}; others have", seen, other),)


def pressed_nodes(situation: Situation) -> Iterator[Suspicion]:
    """Nodes short of memory, disk or process ids."""
    for node in situation.cluster.nodes:
        for kind in PRESSURES:
            condition = node.condition(kind)
            if condition and condition.status == "True":
                seen = situation.objects.sees(f"{node} {kind}", condition.message or condition.reason or "True")
                yield Suspicion(
                    "node_pressure", reference_of(node), STRONG, (states(f"{node} has {kind}: {seen.value}", seen),)
                )


def isolated_nodes(situation: Situation) -> Iterator[Suspicion]:
    """Nodes from which no Service can be reached while other nodes reach them: the work of kube-proxy."""
    signal = situation.signals.get("probe_node_success")
    by_node: dict[str, list[Series]] = {}
    for series in signal.series if signal else ():
        if series.points and series.labels.get("node"):
            by_node.setdefault(series.labels["node"], []).append(series)
    for name, probes in by_node.items():
        failing = sum(1 for series in probes if series.points[-1][1] < 1)
        elsewhere = [s.points[-1][1] for other, found in by_node.items() if other != name for s in found]
        if signal and len(probes) > 1 and failing == len(probes) and any(elsewhere):
            seen = signal.look.sees(f"{name} probes that fail", float(failing))
            total = signal.look.sees(f"{name} probes", float(len(probes)))
            proof = states(f"from node/{name} {failing} of {len(probes)} Services cannot be reached", seen, total)
            node = situation.cluster.node(name)
            sure = STRONG if node is None or node.ready else POSSIBLE
            yield Suspicion("kube_proxy_unavailable", _node(name), sure, (proof,))


def silent_nodes(situation: Situation) -> Iterator[Suspicion]:
    """Nodes whose pods time out on the addresses of several healthy Services while pods elsewhere do not."""
    addresses = {service.spec.cluster_ip: service for service in situation.services if service.spec.cluster_ip}
    timed_out: dict[str, dict[str, Line]] = {}
    for pod in situation.pods:
        for key, log in application_logs(situation, [pod]):
            for number, text in enumerate(log.lines, 1):
                found = _DIAL_TIMEOUT.search(text) if "timeout" in text else None
                service = addresses.get(found[1]) if found else None
                if service and situation.cluster.ready_addresses(service) and recent(situation, text):
                    timed_out.setdefault(pod.spec.node_name, {})[service.name] = Line(key, log, number, text)
    if len(timed_out) != 1:
        return
    name, lines = next(iter(timed_out.items()))
    if len(lines) > 1 and name:
        proofs = (states(f"a pod on node/{name}: {line.sighting.value}", line.sighting) for line in lines.values())
        yield Suspicion("kube_proxy_unavailable", _node(name), LIKELY, tuple(proofs)[:4])


def idle_scheduler(situation: Situation) -> Iterator[Suspicion]:
    """Pods that nobody has tried to place: no node, no verdict, no event."""
    waiting = [pod for pod in situation.pods if _undecided(situation, pod)]
    if not waiting or not situation.cluster.nodes:
        return
    pod = waiting[0]
    node = next((item for item in situation.cluster.nodes if item.control_plane), None)
    where = reference_of(node) if node else ObjectRef(kind="node", name="control-plane")
    seen = situation.objects.sees(f"{pod} nodeName", "none")
    words = situation.objects.sees(f"{pod} PodScheduled", "no verdict")
    proof = states(f"{pod} has node {seen.value} and {words.value} of the scheduler", seen, words)
    yield Suspicion("kube_scheduler_unavailable", where, LIKELY, (proof,))


def _undecided(situation: Situation, pod: Pod) -> bool:
    age = situation.since(pod.metadata.creation_timestamp)
    condition = pod.condition("PodScheduled")
    silent = not pod.spec.node_name and (condition is None or (condition.status != "False" and not condition.message))
    tried = any(event.reason in {"FailedScheduling", "Scheduled"} for event in situation.cluster.events_of(pod))
    return silent and not tried and (age is None or age > UNDECIDED) and not pod.ready
