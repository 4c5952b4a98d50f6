"""Gateways that send a path to the wrong service: routes, against Git, against who complains, against their own names.

A route is suspect when Git has it lead elsewhere, when callers of a service complain about a path that the route takes
elsewhere, when it leads to a Service or port that does not exist, or when its own name speaks of a service that no
route leads to while its backend is missing or has a better-named route.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import partial

from agent.analyzers.distress import Distress, distress_of
from agent.analyzers.routes import Route, routes_in
from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.looks import Sighting, Statement, number, states
from agent.situation import Situation
from domain.objects import ObjectRef
from tools.alertmanager.models import ActiveAlert

_WORD = re.compile(r"[A-Z]?[a-z]+|[0-9]+")
MANY = 3
LIKENESS = 0.4
"""Share of words in common from which a name is taken for another's."""
_NOISE = frozenset({"api", "v", "service", "svc", "http", "lb", "app", "path"})


def misroutes(situation: Situation) -> Iterator[Suspicion]:
    """Services whose route leads elsewhere."""
    routes = list(routes_in(situation.cluster, situation.namespace))
    if not routes:
        return
    complaints = {service: (alert, route) for alert, service, route in _complaints(situation, routes)}
    redirected = {service: (route, proof) for service, route, proof in _redirected(situation, routes)}
    for service, (alert, route) in complaints.items():
        declared = [redirected[service][1]] if service in redirected else []
        yield _misrouted(situation, service, route, (_complaint(situation, alert), *declared), PROVEN)
    for service, (route, proof) in redirected.items():
        signs = _missed(situation, service)
        if service not in complaints and signs is not None:
            yield _misrouted(situation, service, route, (proof, *signs), PROVEN if signs else LIKELY)
    known = complaints.keys() | redirected.keys()
    misnamed = [(service, route) for service, route in _misnamed(situation, routes) if service not in known]
    for service, route in misnamed:
        yield _misrouted(situation, service, route, (), STRONG if _quiet(situation, service) else LIKELY)
    if not known and not misnamed:
        yield from _left_out(situation, routes)
        yield from _dead_ends(situation, routes)


def _redirected(situation: Situation, routes: Sequence[Route]) -> Iterator[tuple[str, Route, Statement]]:
    """Live routes for a path that Git has lead to another service, which exists and fits the route no less."""
    live = {(route.config, route.host, route.path): route for route in routes}
    known = {item.name for item in (*situation.workloads, *situation.services)}
    likeness = partial(_likeness, _house_words(known))
    for manifest in situation.manifests.values():
        for declared in routes_in(manifest.cluster, None):
            route = live.get((declared.config, declared.host, declared.path))
            if not route or route.backend == declared.backend or declared.backend not in known:
                continue
            if likeness(route, declared.backend) >= likeness(route, route.backend):
                seen = manifest.look.sees(f"{declared.config} route {declared.name} {declared.path}", declared.backend)
                yield declared.backend, route, states(f"in Git the route leads to {seen.value}", seen)


def _missed(situation: Situation, service: str) -> tuple[Statement, ...] | None:
    """Signs that callers miss the service: its own trouble, or less traffic; None where requests are well.

    Live routes unlike Git are a state until somebody suffers. Empty where nothing is measured during an incident.
    """
    workload = situation.workload_behind(service)
    distress = distress_of(situation, workload) if workload else Distress((), measured=situation.onset is None)
    traffic = situation.anomaly(service, "request_rate")
    if traffic and traffic.rise < 0 and traffic.ongoing:
        before, now = traffic.sightings
        fell = states(f"request_rate of {service} fell from {number(before)} to {number(now)}", before, now)
        return (fell, *distress.statements)
    return distress.statements or (None if distress.measured else ())


def _dead_ends(situation: Situation, routes: Sequence[Route]) -> Iterator[Suspicion]:
    """Routes of API objects to Services, or to ports of Services, that do not exist."""
    services = {item.name: item for item in situation.services}
    for route in routes if services else ():
        service = services.get(route.backend)
        seen = situation.objects.sees(f"{route.config} route {route.name} {route.path}", route.backend)
        if route.typed and service is None:
            proof = states(f"{route.config} sends {route.path} to {seen.value}, and there is no such Service", seen)
            kind, _, name = route.config.partition("/")
            yield Suspicion("gateway_misroute", ObjectRef(kind=kind, name=name), LIKELY, (proof,))
        elif service and route.port is not None and route.port not in {port.port for port in service.spec.ports}:
            asked = situation.objects.sees(f"{route.config} port of {route.name}", float(route.port))
            has = situation.objects.sees(f"{service} ports", ", ".join(str(port.port) for port in service.spec.ports))
            proof = states(f"{route.config} asks {service} for port {route.port}; it has {has.value}", asked, has)
            yield Suspicion("gateway_misroute", situation.object_behind(service.name), LIKELY, (proof,))


def _complaints(situation: Situation, routes: Sequence[Route]) -> Iterator[tuple[ActiveAlert, str, Route]]:
    """Alerts on a service about a path that a route takes to another one."""
    for alert in situation.alerts:
        service, url = alert.labels.get("service", ""), alert.labels.get("url") or alert.labels.get("path", "")
        route = next((item for item in routes if url and item.takes(url)), None)
        if service and route and route.backend != service:
            yield alert, service, route


def _complaint(situation: Situation, alert: ActiveAlert) -> Statement:
    text = alert.annotations.get("description") or alert.annotations.get("summary") or alert.labels.get("url", "")
    seen = situation.alerts_look.sees(f"alert {alert.fingerprint}", text)
    return states(f"callers complain: {seen.value}", seen)


def _misnamed(situation: Situation, routes: Sequence[Route]) -> Iterator[tuple[str, Route]]:
    """Routes that speak of an unrouted service and lead nowhere, or to a service that has a better-named route."""
    known = {item.name for item in (*situation.workloads, *situation.services)}
    routed = {route.backend for route in routes}
    likeness = partial(_likeness, _house_words(known))
    for route in routes:
        rivals = [other for other in routes if other.backend == route.backend and other is not route]
        own = likeness(route, route.backend)
        better = any(likeness(other, other.backend) > own for other in rivals)
        if route.backend in known and not better:
            continue
        meant = max(known - routed, key=partial(likeness, route), default=None)
        if meant and likeness(route, meant) > max(own, LIKENESS):
            yield meant, route


def _house_words(names: Collection[str]) -> frozenset[str]:
    """Words that most names of a system have, and that tell none of them apart."""
    counts = Counter(word for name in names for word in _words(name))
    return frozenset(word for word, count in counts.items() if count > 1 and 2 * count > len(names))


def _left_out(situation: Situation, routes: Sequence[Route]) -> Iterator[Suspicion]:
    """Much-called services that a gateway calls by its traces, not by its routes, while two routes share a backend."""
    routed = Counter(route.backend for route in routes)
    gateways = [name for name in situation.calls.callees if len(situation.calls.called_by(name) & routed.keys()) > MANY]
    for gateway in gateways:
        unrouted = situation.calls.called_by(gateway) - routed.keys()
        busy = [name for name in unrouted if len(situation.calls.calling(name)) > MANY]
        shared = [route for route in routes if routed[route.backend] > 1]
        for service in sorted(busy) if shared and "dependencies" in situation.signals else ():
            callers = situation.signals["dependencies"].look.sees(f"{gateway} calls", service)
            proof = states(f"{gateway} calls {service} by its traces, and no route leads there", callers)
            yield Suspicion("gateway_misroute", situation.object_behind(service), POSSIBLE, (proof,))


def _likeness(noise: frozenset[str], route: Route, service: str) -> float:
    """Share of the words of the route's name that the service's name has, and the other way round, without `noise`."""
    mine, its = _words(route.name) - noise, _words(service) - noise
    return len(mine & its) / len(mine | its) if mine and its else 0.0


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text)) - _NOISE


def _quiet(situation: Situation, service: str) -> bool:
    """Whether the service is well, so that only its route can be why callers do not get there."""
    workload = situation.workload_behind(service)
    return workload is not None and situation.healthy(workload)


def _misrouted(
    situation: Situation, service: str, route: Route, signs: tuple[Statement, ...], confidence: float
) -> Suspicion:
    seen: Sighting = situation.objects.sees(f"{route.config} route {route.name} {route.path}", route.backend)
    proof = states(f"route {route.name} sends {route.path} to {route.backend}, not to {service}", seen)
    return Suspicion("gateway_misroute", situation.object_behind(service), confidence, (proof, *signs))
