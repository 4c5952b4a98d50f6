"""Clocks that differ: by node exporters, by leases from the future, by tokens that are not valid yet."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from agent.analyzers.distress import complaints, distress_of
from agent.analyzers.journal import Line, Phrases
from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.cluster.workloads import Workload
from agent.looks import number, states
from agent.situation import Situation, reference
from domain.objects import ObjectRef

AHEAD_WORDS = Phrases(
    "used before issued",
    "token is not yet valid",
    "token is not valid yet",
    "token not valid before",
    "token can't be used before",
    "issued in the future",
    "iat is in the future",
    "certificate is not yet valid",
    "CertificateNotYetValid",
    "expired or is not yet valid",
    "RequestTimeTooSkewed",
    "Signature not yet current",
    "KRB_AP_ERR_SKEW",
    "Clock skew too great",
    "clock skew",
    also=r"before issued|used before|not(?: yet)? valid(?: yet| before)|not yet valid|NotYetValid|in the future"
    r"|TooSkewed|not yet current|ERR_SKEW|clock skew (?:too|detected|exceed)",
)
EITHER = "expired or is not yet valid"
"""Go's words for both; only the times that follow tell which."""
OFFSET = 0.5
"""Seconds from which tokens and orderings break; time synchronisation keeps nodes within milliseconds."""
FROM_THE_FUTURE = timedelta(seconds=30)
"""A lease renewed this long after now was stamped by a clock that is ahead."""


def skewed_nodes(situation: Situation) -> Iterator[Suspicion]:
    """Nodes whose clock is off by their own measure, or whose heartbeats come from the future."""
    signal = situation.signals.get("node_clock_offset")
    for series in signal.series if signal else ():
        name = series.labels.get("node", "")
        if signal and name and series.points and abs(series.points[-1][1]) >= OFFSET:
            seen = signal.look.sees(f"{name} clock offset", series.points[-1][1], "s")
            proof = states(f"the clock of node/{name} is off by {number(seen)} s", seen)
            yield Suspicion("clock_skew", _node(name), PROVEN, (proof,))
    ahead = [item for item in situation.cluster.leases if _ahead(situation, item.spec.renew_time)]
    for lease in ahead if len(ahead) < len(situation.cluster.leases) else ():
        seen = situation.objects.sees(f"{lease} renewTime", str(lease.spec.renew_time))
        proof = states(f"node/{lease.name} renewed its lease at {seen.value}, which is still to come", seen)
        yield Suspicion("clock_skew", _node(lease.name), STRONG, (proof,))


def _ahead(situation: Situation, renewed: datetime | None) -> bool:
    age = situation.since(renewed)
    return age is not None and age < -FROM_THE_FUTURE


def _node(name: str) -> ObjectRef:
    return ObjectRef(kind="node", name=name)


def tokens_from_the_future(situation: Situation) -> Iterator[Suspicion]:
    """Workloads that get what is not valid yet; if several do and all are on one node, it is the node."""
    found = [(who, line) for who, line in complaints(situation, AHEAD_WORDS) if _early(line.text)]
    homes = {name for workload, _ in found for name in _homes(situation, workload)}
    if len(found) > 1 and len(homes) == 1 and len(situation.cluster.nodes) > 1:
        proofs = tuple(states(f"{line.key.container}: {line.sighting.value}", line.sighting) for _, line in found)
        yield Suspicion("clock_skew", _node(homes.pop()), LIKELY, proofs[:4])
        return
    for workload, line in found:
        yield _suspected(situation, workload, line)


def _early(text: str) -> bool:
    return EITHER not in text or " is before " in text


def _suspected(situation: Situation, workload: Workload, line: Line) -> Suspicion:
    distress = distress_of(situation, workload)
    said = states(f"{line.key.container} says: {line.sighting.value}", line.sighting)
    sure = LIKELY if distress.statements else POSSIBLE
    return Suspicion("clock_skew", reference(workload), distress.weighs(sure), (said, *distress.statements))


def _homes(situation: Situation, workload: Workload) -> set[str]:
    return {pod.spec.node_name for pod in situation.cluster.pods_of(workload)}
