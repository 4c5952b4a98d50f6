"""Pods that no node takes: what each node has against them, judged from specs and checked with the scheduler's words.

The scheduler names the first obstacle of each node; which of several is the fault follows from what would be left if it
were gone. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/
"""

import re
from collections import Counter
from collections.abc import Iterator

from agent.analyzers.suspicion import PROVEN, STRONG, Suspicion
from agent.cluster.index import Cluster
from agent.cluster.nodes import Node
from agent.cluster.pods import Pod, PodSpec
from agent.cluster.quantities import quantity
from agent.cluster.selection import allows, contains, repelling, requested, selects
from agent.looks import Sighting, Statement, states
from agent.situation import Ailing, Situation, reference

VOLUME_WORDS = re.compile(r"persistentvolumeclaim|volume node affinity|node\(s\) .*volume", re.IGNORECASE)
MESSAGES = (
    ("cpu_capacity_mismatch", re.compile(r"Insufficient cpu")),
    ("memory_capacity_mismatch", re.compile(r"Insufficient memory")),
    ("pod_anti_affinity_conflict", re.compile(r"anti-affinity")),
    ("taint_toleration_mismatch", re.compile(r"untolerated taint|had taint")),
    ("node_affinity_mismatch", re.compile(r"didn't match Pod's node affinity")),
    ("node_cordon_mismatch", re.compile(r"were unschedulable")),
)
"""Causes by the scheduler's words; where several stand in one message the earlier wins."""
NODE_FAULT_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def unschedulable(situation: Situation) -> Iterator[Suspicion]:
    """Why pods of ailing workloads have no node."""
    for ailing in situation.ailing:
        waiting = [pod for pod in ailing.sick if not pod.spec.node_name]
        if waiting:
            yield from _explained(situation, ailing, waiting[-1])


def verdict(situation: Situation, pod: Pod) -> Sighting | None:
    """The scheduler's own words about a pod that waits, from its condition, else from the latest event."""
    condition = pod.condition("PodScheduled")
    if condition and condition.status == "False" and condition.message:
        return situation.objects.sees(f"{pod} PodScheduled", condition.message)
    events = [event for event in situation.cluster.events_of(pod) if event.reason == "FailedScheduling"]
    return situation.events.sees(f"{pod} FailedScheduling", events[-1].message) if events else None


def _explained(situation: Situation, ailing: Ailing, pod: Pod) -> Iterator[Suspicion]:
    said = verdict(situation, pod)
    words = str(said.value) if said else ""
    if VOLUME_WORDS.search(words):
        return
    reasoned = obstacle(pod.spec, pod.namespace, situation.cluster)
    cause = _spoken(words) if reasoned is None else reasoned
    if not cause:
        return  # nothing known, or a fault of the nodes the pod could run on, which is not the pod's
    statements = [*_placement_statements(situation, ailing, pod, cause)]
    if said:
        statements.insert(0, states(f"{pod} cannot be scheduled: {said.value}", said))
    agrees = bool(reasoned) and any(name == cause and pattern.search(words) for name, pattern in MESSAGES)
    same_words = cause == "node_selector_mismatch" and "selector" in words
    if statements:
        yield Suspicion(
            cause, reference(ailing.workload), PROVEN if agrees or same_words else STRONG, tuple(statements)
        )


def _spoken(words: str) -> str | None:
    """The cause in the scheduler's words; a taint that marks a faulty node is the node's fault, not the pod's."""
    for taint in NODE_FAULT_TAINTS:
        words = re.sub(rf"untolerated taint \{{{re.escape(taint)}[^}}]*\}}", "", words)
    return next((cause for cause, pattern in MESSAGES if pattern.search(words)), None)


def _placement_statements(situation: Situation, ailing: Ailing, pod: Pod, cause: str) -> Iterator[Statement]:
    wish = _wish(pod.spec, cause)
    if wish:
        seen = situation.objects.sees(f"{ailing.workload} {wish[0]}", wish[1])
        yield states(f"{ailing.workload} asks for {wish[0]} {seen.value}", seen)
    if cause == "taint_toleration_mismatch":
        tainted = [(node, taint) for node in situation.cluster.nodes for taint in repelling(pod.spec, node)]
        for node, taint in tainted[:3]:
            seen = situation.objects.sees(f"{node} taint", f"{taint.key}={taint.value}:{taint.effect}")
            yield states(f"{node} has taint {seen.value}, which {ailing.workload} does not tolerate", seen)
    if cause == "node_cordon_mismatch":
        cordoned = [node for node in situation.cluster.nodes if node.spec.unschedulable]
        seen_nodes = tuple(situation.objects.sees(f"{node} spec.unschedulable", "true") for node in cordoned)
        if seen_nodes:
            yield Statement(f"cordoned: {', '.join(node.name for node in cordoned)}", seen_nodes)


def _wish(spec: PodSpec, cause: str) -> tuple[str, str] | None:
    """The part of the spec that the nodes do not meet, as `(field, value)`."""
    match cause:
        case "node_selector_mismatch":
            return "nodeSelector", ", ".join(f"{key}={value}" for key, value in spec.node_selector.items())
        case "cpu_capacity_mismatch":
            return "requests.cpu", _requests(spec, "cpu")
        case "memory_capacity_mismatch":
            return "requests.memory", _requests(spec, "memory")
        case "node_affinity_mismatch":
            required = spec.affinity.node_affinity.required if spec.affinity.node_affinity else None
            terms = required.node_selector_terms if required else ()
            wanted = (
                f"{item.key} {item.operator} {'|'.join(item.values)}" for t in terms for item in t.match_expressions
            )
            return "nodeAffinity", "; ".join(wanted)
        case "pod_anti_affinity_conflict":
            terms = spec.affinity.pod_anti_affinity.required if spec.affinity.pod_anti_affinity else ()
            return "podAntiAffinity", "; ".join(f"one in each {term.topology_key}" for term in terms)
        case _:
            return None


def _requests(spec: PodSpec, resource: str) -> str:
    return " + ".join(item.resources.requests.get(resource, "0") for item in spec.containers)


def obstacle(spec: PodSpec, namespace: str, cluster: Cluster) -> str | None:
    """The cause that keeps every node from taking the pod, as far as objects tell.

    None if a node could take it; empty if all that could are faulty themselves.
    """
    workers = [node for node in cluster.nodes if not node.control_plane] or list(cluster.nodes)
    if not workers:
        return None
    wanted = [node for node in workers if contains(node.labels, spec.node_selector)]
    if not wanted:
        return "node_selector_mismatch"
    affine = [node for node in wanted if _affine(spec, node)]
    if not affine:
        return "node_affinity_mismatch"
    found = [_objections(spec, namespace, node, cluster) for node in affine]
    if any(not objections for objections in found):
        return None
    sole = Counter(next(iter(objections)) for objections in found if len(objections) == 1)
    counted = sole or Counter(cause for objections in found for cause in objections)
    faulty = counted.pop("", 0)
    return max(counted, key=lambda cause: counted[cause]) if counted else "" if faulty else None


def _affine(spec: PodSpec, node: Node) -> bool:
    required = spec.affinity.node_affinity.required if spec.affinity.node_affinity else None
    return required is None or allows(required, node)


def _objections(spec: PodSpec, namespace: str, node: Node, cluster: Cluster) -> set[str]:
    """What the node has against the pod; an empty name stands for a fault of the node itself."""
    found: set[str] = set()
    taints = repelling(spec, node)
    if not node.ready or any(taint.key in NODE_FAULT_TAINTS for taint in taints):
        found.add("")
    if node.spec.unschedulable:
        found.add("node_cordon_mismatch")
    if any(taint.key not in NODE_FAULT_TAINTS for taint in taints):
        found.add("taint_toleration_mismatch")
    if _conflicts(spec, namespace, node, cluster):
        found.add("pod_anti_affinity_conflict")
    found |= {
        f"{resource}_capacity_mismatch" for resource in ("cpu", "memory") if _lacks(spec, node, resource, cluster)
    }
    return found


def _lacks(spec: PodSpec, node: Node, resource: str, cluster: Cluster) -> bool:
    allocatable = quantity(node.status.allocatable.get(resource, ""))
    if allocatable is None:
        return False
    taken = sum(requested(pod.spec, resource) for pod in cluster.pods if pod.spec.node_name == node.name)
    return requested(spec, resource) > allocatable - taken


def _conflicts(spec: PodSpec, namespace: str, node: Node, cluster: Cluster) -> bool:
    """Whether a pod in the node's topology domain is one the spec must not share it with."""
    terms = spec.affinity.pod_anti_affinity.required if spec.affinity.pod_anti_affinity else ()
    for term in terms:
        domain = node.labels.get(term.topology_key)
        members = {
            item.name
            for item in cluster.nodes
            if item.name == node.name or (domain is not None and item.labels.get(term.topology_key) == domain)
        }
        if any(
            pod.spec.node_name in members
            and pod.namespace == namespace
            and selects(term.label_selector, pod.metadata.labels)
            for pod in cluster.pods
        ):
            return True
    return False
