"""Label selectors, node affinity and taints, as the API server and the scheduler evaluate them."""

from collections.abc import Mapping

from agent.cluster.nodes import Node, Taint
from agent.cluster.objects import LabelRequirement, LabelSelector
from agent.cluster.pods import NodeSelector, NodeSelectorTerm, PodSpec, Toleration
from agent.cluster.quantities import quantity

UNSCHEDULABLE = "node.kubernetes.io/unschedulable"


def contains(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether `labels` has every pair of `wanted`."""
    return all(labels.get(key) == value for key, value in wanted.items())


def holds(requirement: LabelRequirement, labels: Mapping[str, str]) -> bool:
    """Whether one expression holds. An unknown operator holds: nothing can be said against it."""
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(requirement, value)
        case _:
            return True


def _compares(requirement: LabelRequirement, value: str | None) -> bool:
    bound = quantity(requirement.values[0]) if requirement.values else None
    number = quantity(value) if value is not None else None
    if bound is None or number is None:
        return False
    return number > bound if requirement.operator == "Gt" else number < bound


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects an object with `labels`; an empty selector selects all."""
    return contains(labels, selector.match_labels) and all(holds(item, labels) for item in selector.match_expressions)


def allows(selector: NodeSelector, node: Node) -> bool:
    """Whether one of the terms holds for the node. A term without requirements matches nothing, as the API has it."""
    return any(_term_holds(term, node) for term in selector.node_selector_terms)


def _term_holds(term: NodeSelectorTerm, node: Node) -> bool:
    fields = {"metadata.name": node.name}
    return bool(term.match_expressions or term.match_fields) and (
        all(holds(item, node.labels) for item in term.match_expressions)
        and all(holds(item, fields) for item in term.match_fields)
    )


def tolerates(tolerations: tuple[Toleration, ...], taint: Taint) -> bool:
    """Whether one of the tolerations covers the taint."""
    return any(_covers(item, taint) for item in tolerations)


def _covers(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.value == taint.value


def repelling(spec: PodSpec, node: Node) -> tuple[Taint, ...]:
    """Taints that keep the pod off the node, without the one that merely mirrors a cordon."""
    return tuple(
        taint
        for taint in node.spec.taints
        if taint.effect in {"NoSchedule", "NoExecute"}
        and taint.key != UNSCHEDULABLE
        and not tolerates(spec.tolerations, taint)
    )


def requested(spec: PodSpec, resource: str) -> float:
    """What the pod's containers ask of a resource: cores of `cpu`, bytes of `memory`."""
    total = sum(quantity(item.resources.requests.get(resource, "0")) or 0.0 for item in spec.containers)
    initial = (quantity(item.resources.requests.get(resource, "0")) or 0.0 for item in spec.init_containers)
    return max(total, *initial, 0.0)
