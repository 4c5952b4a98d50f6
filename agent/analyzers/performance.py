"""Slow services: culprit, not victim.

A service that waits for a slow one is slow itself, so latency is walked down the call graph to the last service whose
slowness nothing below it explains. What is scarce there decides the cause: CPU, the network of a pod, the network of a
node, or something that this service waits for and that nobody measures.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeGuard

from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, WEAK, Suspicion
from agent.analyzers.waiting import wait_of
from agent.anomalies import Anomaly
from agent.callgraph import CallGraph
from agent.looks import Statement, number, states
from agent.situation import Situation
from domain.objects import ObjectRef

SLOWER = 2.0
"""Latency at least this many times what it was."""
LEAST_RISE = 0.02
"""Seconds of latency that somebody would notice."""
EXPLAINS = 0.1
"""A callee that became slower by this share of its caller's rise explains it: callers call more than once."""
ECHO = 0.1
"""A callee that became slower by less than this share of its caller's rise only feels the caller's trouble."""
FAILING = 0.02
"""Share of requests that fail from which callers feel it: they retry and wait."""
FRESH = timedelta(minutes=2)
"""Slowness younger than this may have begun in a callee whose own series has hardly shown it yet."""
THROTTLED = 0.25
FULL = 0.9
"""Usage by limit, or throttled time by time, from which CPU is scarce."""
MORE_CPU = 1.4
MUCH_MORE_CPU = 2.5
"""Rise of usage that tells of scarcity where nothing measures scarcity itself."""


@dataclass(frozen=True)
class Slow:
    """A service that became slow."""

    service: str
    anomaly: Anomaly

    @property
    def statement(self) -> Statement:
        """The latency before and now."""
        before, now = self.anomaly.sightings
        of = f"{self.anomaly.signal} of {self.service}"
        return states(f"{of} rose from {number(before)} s to {number(now)} s", before, now)


def overloaded(situation: Situation) -> Iterator[Suspicion]:
    """Services that want more CPU than they may use, while they or their callers are slow or failing."""
    pressed = sorted(_pressed(situation), key=lambda item: item[1].now, reverse=True)
    for place, (service, scarcity) in enumerate(pressed):
        usage = situation.anomaly(service, "cpu_usage")
        symptom = _symptom(situation, service)
        if symptom is None:
            continue
        statements = [_scarcity(scarcity), symptom]
        if usage and usage.now >= MORE_CPU * usage.before:
            before, now = usage.sightings
            rise = states(f"CPU usage of {service} rose from {number(before)} to {number(now)} cores", before, now)
            statements.insert(1, rise)
        load = situation.anomaly(service, "request_rate")
        if load and load.rise > 0:
            before, now = load.sightings
            statements.append(
                states(f"request_rate of {service} rose from {number(before)} to {number(now)}", before, now)
            )
        sure = STRONG if len(statements) > 2 else LIKELY
        own = situation.anomaly(service, "latency_p50", "latency_p95") is not None
        if place == 0 and len(statements) > 2 and own:
            sure = PROVEN
        yield Suspicion("pod_cpu_overload", situation.object_behind(service), sure - 0.2 * place, tuple(statements))


def _pressed(situation: Situation) -> Iterator[tuple[str, Anomaly]]:
    """Services with the signal that shows their scarcity best, while it is scarce."""
    for service in dict.fromkeys(item.subject for item in situation.anomalies):
        throttling = situation.anomaly(service, "cpu_throttling")
        saturation = situation.anomaly(service, "saturation")
        if _scarce(throttling, THROTTLED) and throttling.now >= SLOWER * throttling.before:
            yield service, throttling
        elif _scarce(saturation, FULL) and saturation.rise > 0:
            yield service, saturation
        elif not situation.signals.keys() & {"cpu_throttling", "saturation"}:
            usage = situation.anomaly(service, "cpu_usage")
            if usage and usage.now >= MUCH_MORE_CPU * usage.before:
                yield service, usage


def _scarce(anomaly: Anomaly | None, least: float) -> TypeGuard[Anomaly]:
    return anomaly is not None and anomaly.ongoing and anomaly.now >= least


def _scarcity(anomaly: Anomaly) -> Statement:
    before, now = anomaly.sightings
    words = "CPU throttling" if anomaly.signal == "cpu_throttling" else "CPU usage by limit"
    return states(f"{words} of {anomaly.subject} rose from {number(before)} to {number(now)}", before, now)


def _symptom(situation: Situation, service: str) -> Statement | None:
    """That the service, else somebody who calls it, became slow or fails."""
    for name in (service, *sorted(situation.calls.calling(service))):
        anomaly = situation.risen(name, "latency_p50", "latency_p95", "error_ratio")
        if anomaly:
            before, now = anomaly.sightings
            return states(f"{anomaly.signal} of {name} rose from {number(before)} to {number(now)}", before, now)
    return None


def slow_services(situation: Situation) -> tuple[Slow, ...]:
    """Services whose median latency rose; where no median did, those whose tail did. Slowest first."""
    for signal, factor in (("latency_p50", SLOWER), ("latency_p95", SLOWER)):
        found = [
            Slow(item.subject, item)
            for item in situation.anomalies
            if item.signal == signal and item.ongoing and item.rise >= LEAST_RISE and item.now >= factor * item.before
        ]
        if found:
            found += _just_as_slow(situation, signal, found)
            return tuple(sorted(found, key=lambda item: item.anomaly.rise, reverse=True))
    return ()


def _just_as_slow(situation: Situation, signal: str, slow: list[Slow]) -> list[Slow]:
    """Callees that began to be slow with their callers: which is measured first is chance within a scrape or two."""
    known = {item.service for item in slow}
    fresh = [item for item in slow if situation.now - item.anomaly.onset <= FRESH]
    return [
        Slow(bud.subject, bud)
        for bud in (situation.budding(signal) if fresh else ())
        if bud.subject not in known
        and bud.rise >= LEAST_RISE
        and bud.now >= SLOWER * bud.before
        and any(bud.subject in situation.calls.below(item.service) for item in fresh)
    ]


def culprits(slow: tuple[Slow, ...], calls: CallGraph) -> tuple[Slow, ...]:
    """Those whose slowness neither a callee explains nor a far slower caller causes."""
    rises = {item.service: item.anomaly.rise for item in slow}
    return tuple(
        item
        for item in slow
        if not any(rises.get(other, 0.0) >= EXPLAINS * item.anomaly.rise for other in calls.below(item.service))
        and not any(
            item.anomaly.rise < ECHO * rises.get(other, 0.0) and item.service in calls.called_by(other)
            for other in calls.calling(item.service)
        )
    )


def delayed_pods(situation: Situation) -> Iterator[Suspicion]:
    """Services that became slow by themselves without using more CPU: their own network, or what they wait for."""
    slow = slow_services(situation)
    guilty = [item for item in culprits(slow, situation.calls) if not _explained(situation, item)]
    weights = {item.service: _weight(item, situation) for item in guilty}
    for item in sorted(guilty, key=lambda item: -weights[item.service])[:3]:
        share = weights[item.service] / sum(weights.values())
        victims = [other for other in slow if item.service in situation.calls.below(other.service)]
        statements = (item.statement, *(other.statement for other in victims[:2]), *_not_busy(situation, item.service))
        wait = wait_of(situation, item.service)
        sure = _sureness(item, share)
        if wait and wait.outside:
            where = situation.object_behind(wait.service)
            yield Suspicion(
                "slow_dependency", where, STRONG * share, (*statements[:1], wait.statement, *statements[1:])
            )
            sure *= 0.5
        elif wait and wait.service != item.service:
            continue
        yield Suspicion("pod_network_delay", situation.object_behind(item.service), sure, statements)


def _weight(item: Slow, situation: Situation) -> float:
    """How much of the trouble is the service's: what it added; where no trace shows who calls whom, how many times
    slower it became. Callers were slow before by all they wait for: the same delay shows most where it begins."""
    return item.anomaly.rise if situation.traced_calls else item.anomaly.now / (item.anomaly.before + LEAST_RISE)


def _explained(situation: Situation, item: Slow) -> bool:
    """Whether CPU explains the slowness, its own or that of a service below; or, of a tail, failures below."""
    below = situation.calls.below(item.service)
    pressed = {name for name, _ in _pressed(situation)}
    if pressed & (below | {item.service}):
        return True
    failing = (situation.anomaly(name, "error_ratio") for name in below)
    return item.anomaly.signal == "latency_p95" and any(found and found.rise >= FAILING for found in failing)


def _sureness(item: Slow, share: float) -> float:
    steep = item.anomaly.now >= 5 * item.anomaly.before and item.anomaly.signal == "latency_p50"
    return (STRONG if steep else LIKELY) * max(share, 0.3)


def _not_busy(situation: Situation, service: str) -> Iterator[Statement]:
    usage = situation.anomaly(service, "cpu_usage")
    if usage and usage.rise < 0:
        before, now = usage.sightings
        yield states(f"CPU usage of {service} fell from {number(before)} to {number(now)} cores", before, now)


def lossy_nodes(situation: Situation) -> Iterator[Suspicion]:
    """Nodes whose TCP segments are sent again while services on them are slow."""
    slow = slow_services(situation)
    for anomaly in situation.anomalies:
        node = situation.cluster.node(anomaly.subject)
        if anomaly.signal != "node_retransmits" or anomaly.now < 1.0 or anomaly.now < 10 * anomaly.before:
            continue
        if node is None or node.control_plane or not slow:
            continue
        before, now = anomaly.sightings
        proof = states(f"retransmits of {node} rose from {number(before)} to {number(now)} a second", before, now)
        single = len(culprits(slow, situation.calls)) == 1 and slow[0].anomaly.now > 50 * slow[0].anomaly.before
        yield Suspicion(
            "node_network_packet_loss",
            ObjectRef(kind="node", name=node.name),
            POSSIBLE if single else STRONG,
            (proof, *(item.statement for item in slow[:3])),
        )


def delayed_nodes(situation: Situation) -> Iterator[Suspicion]:
    """Nodes on which several services that do not call each other became slow, while those elsewhere did not."""
    guilty = culprits(slow_services(situation), situation.calls)
    homes = {item.service: _homes(situation, item.service) for item in guilty}
    for node in situation.cluster.nodes:
        here = [item for item in guilty if homes[item.service] == {node.name}]
        elsewhere = [item for item in guilty if node.name not in homes[item.service]]
        if len(here) < 2 or len(elsewhere) * 3 > len(here):
            continue
        placed = tuple(situation.objects.sees(f"{item.service} runs on", node.name) for item in here)
        where = Statement(
            f"slow without a slow callee, all on {node}: {', '.join(item.service for item in here)}", placed
        )
        yield Suspicion(
            "node_network_delay",
            ObjectRef(kind="node", name=node.name),
            WEAK if not situation.traced_calls else LIKELY if len(here) > 2 else POSSIBLE,
            (where, *(item.statement for item in here[:3])),
        )


def _homes(situation: Situation, service: str) -> set[str]:
    workload = situation.workload_behind(service)
    return {pod.spec.node_name for pod in situation.cluster.pods_of(workload)} if workload else set()
