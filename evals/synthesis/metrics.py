"""Gauges of services and nodes, probes, unit states and the call graph, as a site's recording rules would name them."""

import math
from collections.abc import Iterator

from agent.cluster.quantities import quantity
from evals.exposition import Sample, exposition, sample
from evals.synthesis.shapes import App
from evals.synthesis.telemetry import NODE_UNITS, UNITS
from evals.synthesis.world import World

NAMES = {
    "request_rate": "service:requests:rate1m",
    "success_ratio": "service:requests_ok:ratio1m",
    "latency_p50": "service:latency_seconds:p50_1m",
    "cpu_usage": "service:cpu_cores:rate1m",
    "cpu_throttling": "service:cpu_throttled:ratio1m",
    "memory_usage": "service:memory_working_set_bytes:max",
    "node_cpu": "node:cpu_utilisation:ratio1m",
    "node_retransmits": "node:tcp_retransmits:rate1m",
}
CATALOGUE = {
    **{name: f'{NAMES[name]}{{namespace="$namespace",service=~"$service"}}' for name in UNITS},
    "error_ratio": f'1 - {NAMES["success_ratio"]}{{namespace="$namespace",service=~"$service"}}',
    **{name: f'{NAMES[name]}{{node=~"$node"}}' for name in NODE_UNITS},
    "probe_success": 'probe_success{namespace="$namespace",service=~"$service"}',
    "probe_node_success": 'probe_node_success{namespace="$namespace",service=~"$service",node=~"$node"}',
    "node_unit_active": 'node_systemd_unit_state{node=~"$node",state="active"}',
    "dependencies": "traces_service_graph_request_total",
    "active_alerts": 'ALERTS{alertstate="firing"}',
}
"""The suite's `signals.yaml`."""
STEP = 27.0
"""Seconds between samples."""
LENGTH = 18
SHARES = frozenset({"success_ratio", "cpu_throttling", "node_cpu"})
NOISE = 0.06
"""Standard deviation of the logarithm of a gauge around its level."""


def text(world: World) -> str:
    """All samples of the world."""
    return exposition((*_services(world), *_nodes(world), *_probes(world), *_units(world), *_calls(world)))


def _services(world: World) -> Iterator[Sample]:
    for app in world.apps.values():
        for signal, typical in UNITS.items():
            if app.component.server and signal not in {"cpu_usage", "memory_usage", "cpu_throttling"}:
                continue
            level = _level(world, app, signal, typical)
            labels = {"namespace": world.system.namespace, "service": app.name}
            yield from _gauge(world, app.name, signal, level, labels)


def _level(world: World, app: App, signal: str, typical: float) -> float:
    if signal == "success_ratio":
        return 1.0
    if signal == "memory_usage":
        limit = quantity(app.template.main.limits["memory"]) or typical
        return limit * world.dice.uniform(0.25, 0.4)
    return typical * math.exp(world.dice.gauss(0, 0.5))


def _nodes(world: World) -> Iterator[Sample]:
    for node in world.nodes:
        for signal, typical in NODE_UNITS.items():
            level = min(typical * math.exp(world.dice.gauss(0, 0.2)), 0.8)
            yield from _gauge(world, node.name, signal, level, {"node": node.name})


def _gauge(world: World, subject: str, signal: str, level: float, labels: dict[str, str]) -> Iterator[Sample]:
    effects = [item for item in world.telemetry.effects if (item.subject, item.signal) == (subject, signal)]
    for place in range(LENGTH):
        at = world.now.timestamp() - STEP * (LENGTH - 1 - place)
        since = (at - world.onset.timestamp()) / 60
        if since > 0 and subject in world.telemetry.silent:
            return
        value = level
        for effect in effects:
            value += effect.slope * STEP * place / 60
            value = value * effect.factor + effect.added if since > 0 else value
        yield sample(NAMES[signal], _noisy(world, signal, value), round(at), **labels)


def _noisy(world: World, signal: str, value: float) -> float:
    if signal == "success_ratio":
        return round(min(1.0, max(0.0, value - abs(world.dice.gauss(0, 0.001)))), 4)
    noisy = value * math.exp(world.dice.gauss(0, NOISE))
    shown = min(noisy, 1.0) if signal in SHARES else noisy
    return float(f"{shown:.2g}")


def _probes(world: World) -> Iterator[Sample]:
    for app in world.apps.values():
        for front in app.fronts:
            reached = app.serving and front.name not in world.telemetry.unreachable
            labels = {"namespace": world.system.namespace, "service": front.name}
            for at in (world.now.timestamp() - 60, world.now.timestamp()):
                yield sample("probe_success", float(reached), round(at), **labels)
                for node in world.nodes[1:]:
                    seen = reached and node.name not in world.telemetry.blind_nodes
                    yield sample("probe_node_success", float(seen), round(at), **labels, node=node.name)


def _units(world: World) -> Iterator[Sample]:
    for node in world.nodes:
        for name, active in node.units.items():
            for at in (world.now.timestamp() - 60, world.now.timestamp()):
                labels = {"node": node.name, "name": name, "state": "active"}
                yield sample("node_systemd_unit_state", float(active), round(at), **labels)


def _calls(world: World) -> Iterator[Sample]:
    for app in world.apps.values():
        for name in filter(None, (*app.component.calls, app.component.database)):
            count = round(1000 * math.exp(world.dice.gauss(0, 1)))
            for at in (world.now.timestamp() - 60, world.now.timestamp()):
                yield sample("traces_service_graph_request_total", count, round(at), client=app.name, server=name)
