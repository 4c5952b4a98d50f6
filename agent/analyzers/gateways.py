"""Gateways that send a path to the wrong service: routes in ConfigMaps and Ingresses, against who complains.

A route is suspect when callers of a service complain about a path that the route takes elsewhere, or when the route's
own name speaks of a service that no route leads to while its backend is missing or has a better-named route.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.looks import Sighting, Statement, states
from agent.situation import Situation
from tools.alertmanager.models import ActiveAlert

_ROUTE = re.compile(
    r"-\s*id:\s*(?P<id>\S+)\s+uri:\s*(?P<uri>\S+)(?P<rest>(?:(?!-\s*id:).)*?Path=(?P<path>\S+))", re.DOTALL
)
_BACKEND = re.compile(r"^[a-z+]+://(?:\$\{[^:}]*:)?([a-z0-9.-]+)", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]?[a-z]+|[0-9]+")
MANY = 3
LIKENESS = 0.4
"""Share of words in common from which a name is taken for another's."""
_NOISE = frozenset({"api", "v", "service", "svc", "ts", "http", "lb", "app", "path"})


class Route(NamedTuple):
    """One route of a gateway: its own name, the path it takes, the service it leads to."""

    name: str
    path: str
    backend: str
    config: str

    def takes(self, url: str) -> bool:
        """Whether a request for `url` goes this way."""
        prefix = self.path.removesuffix("**").removesuffix("*").rstrip("/")
        return bool(prefix) and (url == prefix or url.startswith(f"{prefix}/"))


def misroutes(situation: Situation) -> Iterator[Suspicion]:
    """Services whose route leads elsewhere."""
    routes = list(routes_of(situation))
    if not routes:
        return
    complaints = {service: (alert, route) for alert, service, route in _complaints(situation, routes)}
    for service, (alert, route) in complaints.items():
        yield _misrouted(situation, service, route, _complaint(situation, alert), PROVEN)
    misnamed = [(service, route) for service, route in _misnamed(situation, routes) if service not in complaints]
    for service, route in misnamed:
        yield _misrouted(situation, service, route, None, STRONG if _quiet(situation, service) else LIKELY)
    if not complaints and not misnamed:
        yield from _left_out(situation, routes)


def routes_of(situation: Situation) -> Iterator[Route]:
    """Routes written in ConfigMaps, in the form of Spring Cloud Gateway."""
    for item in situation.cluster.config_maps:
        if not situation.concerns(item.namespace):
            continue
        for text in item.data.values():
            for match in _ROUTE.finditer(text):
                backend = _BACKEND.match(match["uri"])
                if backend:
                    host = backend[1].split(".", 1)[0]
                    yield Route(match["id"].strip("\"'"), match["path"].strip("\"'"), host, str(item))


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
    for route in routes:
        rivals = [other for other in routes if other.backend == route.backend and other is not route]
        own = _likeness(route, route.backend)
        better = any(_likeness(other, other.backend) > own for other in rivals)
        if route.backend in known and not better:
            continue
        meant = max(known - routed, key=lambda name: _likeness(route, name), default=None)
        if meant and _likeness(route, meant) > max(own, LIKENESS):
            yield meant, route


def _left_out(situation: Situation, routes: Sequence[Route]) -> Iterator[Suspicion]:
    """Much-called services that a gateway calls by its traces, not by its routes, while two routes share a backend."""
    routed = Counter(route.backend for route in routes)
    gateways = [name for name in situation.calls.callees if len(situation.calls.called_by(name) & routed.keys()) > MANY]
    for gateway in gateways:
        unrouted = situation.calls.called_by(gateway) - routed.keys()
        busy = [name for name in unrouted if len(situation.calls.calling(name)) > MANY]
        shared = [route for route in routes if routed[route.backend] > 1]
        for service in sorted(busy) if shared and "dependencies" in situation.signals else ():
            callers = situation.signals["dependencies"].look.sees(f"callers of {service}", gateway)
            proof = states(f"{gateway} calls {service} by its traces, and no route leads there", callers)
            yield Suspicion("gateway_misroute", situation.object_behind(service), POSSIBLE, (proof,))


def _likeness(route: Route, service: str) -> float:
    """Share of the words of the route's name that the service's name has, and the other way round."""
    mine, its = _words(route.name), _words(service)
    return len(mine & its) / len(mine | its) if mine and its else 0.0


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(text)) - _NOISE


def _quiet(situation: Situation, service: str) -> bool:
    """Whether the service is well, so that only its route can be why callers do not get there."""
    workload = situation.workload_behind(service)
    return workload is not None and situation.healthy(workload)


def _misrouted(
    situation: Situation, service: str, route: Route, complaint: Statement | None, confidence: float
) -> Suspicion:
    seen: Sighting = situation.objects.sees(f"{route.config} route {route.name} {route.path}", route.backend)
    proof = states(f"route {route.name} sends {route.path} to {route.backend}, not to {service}", seen)
    return Suspicion(
        "gateway_misroute",
        situation.object_behind(service),
        confidence,
        (proof, *((complaint,) if complaint else ())),
    )
