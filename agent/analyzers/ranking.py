"""From suspicions to a ranked list: one entry a cause and object, symptoms below what explains them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from agent.analyzers.suspicion import LIKELY, STRONG, Suspicion

THRESHOLD = 0.25
"""Below this nothing is said: a healthy system has no findings."""
MOST = 8
STATEMENTS = 6
GENERIC = frozenset({"crash_loop", "replica_loss", "node_not_ready", "init_container_failure"})
"""Causes that only name the symptom: dropped where another finding on the same object says why."""
CHANGES = frozenset({"bad_release", "bad_configuration_change", "application_out_of_sync", "sync_failed"})
SLOWNESS = frozenset({"pod_network_delay", "slow_dependency", "node_network_delay", "pod_cpu_overload"})
"""Causes inferred from latency: below a cause that is seen in the state of the cluster itself."""
MECHANISM_FIRST = 0.8
"""What remains of a change's confidence where the mechanism by which it does harm is known."""
SYMPTOM = 0.7
"""What remains of the confidence of slowness while something is plainly broken."""


def ranked(suspicions: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
    """The suspicions worth telling, most likely first."""
    merged = _merged(suspicions)
    weighed = [_weighed(item, merged) for item in merged]
    worth = [item for item in weighed if item.confidence >= THRESHOLD]
    return tuple(sorted(worth, key=lambda item: -item.confidence))[:MOST]


def _merged(suspicions: Iterable[Suspicion]) -> list[Suspicion]:
    """One suspicion for each cause and object: the surest, with the others' statements."""
    found: dict[tuple[str, str], Suspicion] = {}
    for item in suspicions:
        key = (item.cause, str(item.object))
        known = found.get(key)
        if known is None:
            found[key] = item
            continue
        first, second = (known, item) if known.confidence >= item.confidence else (item, known)
        statements = tuple(dict.fromkeys((*first.statements, *second.statements)))
        found[key] = replace(first, statements=statements[:STATEMENTS])
    return list(found.values())


def _weighed(item: Suspicion, others: Sequence[Suspicion]) -> Suspicion:
    """The suspicion with the confidence that the others leave it."""
    if item.cause in GENERIC and any(_explains(other, item) for other in others):
        return replace(item, confidence=0.0)
    if item.cause in CHANGES and any(_is_mechanism(other, item) for other in others):
        return replace(item, confidence=item.confidence * MECHANISM_FIRST)
    if item.cause in SLOWNESS:
        return replace(item, confidence=item.confidence * _slowness_left(item, others))
    return item


def _explains(other: Suspicion, generic: Suspicion) -> bool:
    """Whether another finding says why: on the same object, or a refusal by the namespace."""
    if other.cause in GENERIC | CHANGES or other.confidence < generic.confidence:
        return False
    return other.object == generic.object or other.object.kind in {"namespace", "node"}


def _is_mechanism(other: Suspicion, change: Suspicion) -> bool:
    same = other.object.name == change.object.name
    return same and other.cause not in GENERIC | CHANGES | SLOWNESS and other.confidence >= LIKELY


def _slowness_left(item: Suspicion, others: Sequence[Suspicion]) -> float:
    """Slowness after a change of the same workload is the change's; beside plain breakage it is a symptom."""
    changed = [other for other in others if other.cause in CHANGES and other.object.name == item.object.name]
    if any(other.confidence >= LIKELY for other in changed):
        return 0.6
    plain = [other for other in others if other.cause not in GENERIC | CHANGES | SLOWNESS]
    broken = any(other.confidence >= STRONG for other in plain)
    said = any(other.confidence >= LIKELY and other.object == item.object for other in plain)
    return SYMPTOM if broken or said else 1.0
