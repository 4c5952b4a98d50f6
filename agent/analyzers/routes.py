"""Routes of gateways as one table.

Read from Ingresses, VirtualServices, HTTPRoutes, and ConfigMaps in the forms of Spring Cloud Gateway and nginx.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.cluster.index import Cluster
from agent.cluster.ingress import HTTPRoute, Ingress, IngressBackend, VirtualService
from agent.cluster.objects import ConfigMap

_SPRING = re.compile(
    r"-\s*id:\s*(?P<id>\S+)\s+uri:\s*(?P<uri>\S+)(?P<rest>(?:(?!-\s*id:).)*?Path=(?P<path>\S+))", re.DOTALL
)
_NGINX = re.compile(
    r"location\s+(?:=|\^~|~\*?)?\s*(?P<path>/\S*)\s*\{(?:(?!location)[^}])*?proxy_pass\s+(?P<uri>[^;\s]+)", re.DOTALL
)
_BACKEND = re.compile(r"^[a-z+]+://(?:\$\{[^:}]*:)?([a-z0-9.-]+)(?:}?:(\d+))?", re.IGNORECASE)


class Route(NamedTuple):
    """One route: its own name, the path it takes, the Service it leads to. `typed`: it is an API object of its own."""

    name: str
    path: str
    backend: str
    config: str
    host: str = ""
    port: int | None = None
    typed: bool = False

    def takes(self, url: str) -> bool:
        """Whether a request for `url` goes this way."""
        prefix = self.path.removesuffix("**").removesuffix("*").rstrip("/")
        return bool(prefix) and (url == prefix or url.startswith(f"{prefix}/"))


def routes_in(cluster: Cluster, namespace: str | None) -> Iterator[Route]:
    """All routes of the namespace (of all if None) that lead to Services of their own namespace."""
    for item in cluster.config_maps:
        if namespace in {None, item.namespace}:
            yield from _written(item)
    for ingress in cluster.ingresses:
        if namespace in {None, ingress.namespace}:
            yield from _of_ingress(ingress)
    for virtual in cluster.virtual_services:
        if namespace in {None, virtual.namespace}:
            yield from _of_virtual_service(virtual)
    for route in cluster.http_routes:
        if namespace in {None, route.namespace}:
            yield from _of_http_route(route)


def _written(item: ConfigMap) -> Iterator[Route]:
    for text in item.data.values():
        for pattern in (_SPRING, _NGINX):
            for match in pattern.finditer(text):
                backend = _BACKEND.match(match["uri"].strip("\"'"))
                path = match["path"].strip("\"'")
                name = match.groupdict().get("id") or path
                if backend:
                    yield Route(name.strip("\"'"), path, _service(backend[1]), str(item))


def _service(host: str) -> str:
    return host.split(".", 1)[0]


def _of_ingress(item: Ingress) -> Iterator[Route]:
    for rule in item.spec.rules:
        for path in rule.http.paths:
            yield from _to_backend(item, path.backend, rule.host, path.path)
    if item.spec.default_backend:
        yield from _to_backend(item, item.spec.default_backend, "", "/")


def _to_backend(item: Ingress, backend: IngressBackend, host: str, path: str) -> Iterator[Route]:
    if backend.service:
        name, port = backend.service.name, backend.service.port.number
        yield Route(f"{host}{path}", path, name, str(item), host, port, typed=True)


def _of_virtual_service(item: VirtualService) -> Iterator[Route]:
    host = item.spec.hosts[0] if item.spec.hosts else ""
    for number, http in enumerate(item.spec.http):
        uris = [match.uri.prefix or match.uri.exact for match in http.match] or ["/"]
        for target in http.route:
            parts = target.destination.host.split(".")
            own = len(parts) == 1 or (parts[1] == item.namespace and (len(parts) == 2 or parts[2] == "svc"))
            if own and target.weight != 0:
                name = http.name or f"http {number}"
                for uri in uris:
                    port = target.destination.port.number
                    yield Route(name, uri or "/", parts[0], str(item), host, port, typed=True)


def _of_http_route(item: HTTPRoute) -> Iterator[Route]:
    host = item.spec.hostnames[0] if item.spec.hostnames else ""
    for number, rule in enumerate(item.spec.rules):
        for path in [match.path.value for match in rule.matches] or ["/"]:
            for target in rule.backend_refs:
                if target.kind == "Service" and target.weight != 0 and target.namespace in {"", item.namespace}:
                    yield Route(f"rule {number}", path, target.name, str(item), host, target.port, typed=True)
