"""Cluster DNS and Service routing: from the address in a program's environment to the program behind it."""

import random

from lab.shop.cluster.kinds import ENDPOINTS, SERVICE
from lab.shop.cluster.objects import items, number, text
from lab.shop.cluster.ports import Objects, Programs
from lab.shop.cluster.processes import Process
from lab.shop.cluster.views import ServicePort, ServiceSpec
from lab.shop.topology import SERVICES

DNS_SERVER = "10.96.0.10:53"


class UnreachableError(Exception):
    """Nobody answers at an address; the message is what a program would log, `seconds` how long it took to find out."""

    def __init__(self, message: str, seconds: float):
        super().__init__(message)
        self.seconds = seconds


class Network:
    """Connects programs by the live Services and Endpoints."""

    def __init__(self, store: Objects, programs: Programs, rng: random.Random):
        self._store = store
        self._programs = programs
        self._rng = rng
        self._outside = {service.backing.address for service in SERVICES}
        self._routes: dict[tuple[str, str], list[tuple[str, int]]] = {}
        self._routes_version = -1

    def connect(self, address: str, namespace: str) -> Process:
        """The program that takes a connection to `host:port` made in a namespace. Raises `UnreachableError`."""
        if self._routes_version != self._store.version:
            self._routes, self._routes_version = {}, self._store.version
        route = self._routes.get((address, namespace))
        if route is None:
            route = self._routes[address, namespace] = self._route(address, namespace)
        ip, port = self._rng.choice(route)
        process = self._programs.listening(ip, port)
        if process is None:
            raise UnreachableError(f"dial tcp {ip}:{port}: connect: connection refused", 0.002)
        return process

    def reach_outside(self, address: str) -> None:
        """Look up a host outside the cluster. Raises `UnreachableError` when it does not exist."""
        if address not in self._outside:
            raise _no_such_host(address.rpartition(":")[0])

    def _route(self, address: str, namespace: str) -> list[tuple[str, int]]:
        host, _, port = address.removeprefix("http://").rpartition(":")
        name, in_namespace = _service_of(host, namespace)
        service = self._store.find(SERVICE, name, in_namespace)
        if service is None:
            raise _no_such_host(host)
        wanted = next((each for each in service.spec_as(ServiceSpec).ports if str(each.port) == port), None)
        if wanted is None:
            raise UnreachableError(f"dial tcp: connect to {address}: i/o timeout", 1.0)
        backends = self._backends(name, in_namespace, wanted)
        if not backends:
            raise UnreachableError(f"dial tcp: connect to {address}: connection refused (no endpoints)", 0.002)
        return backends

    def _backends(self, name: str, namespace: str, wanted: ServicePort) -> list[tuple[str, int]]:
        endpoints = self._store.find(ENDPOINTS, name, namespace)
        found: list[tuple[str, int]] = []
        for subset in items(endpoints.manifest, "subsets") if endpoints else []:
            ports = [number(port, "port") for port in items(subset, "ports") if text(port, "name") == wanted.name]
            found += [(text(address, "ip"), port) for address in items(subset, "addresses") for port in ports]
        return found


def _service_of(host: str, namespace: str) -> tuple[str, str]:
    """Name and namespace in a cluster host: `cart`, `cart.shop`, `cart.shop.svc`, `cart.shop.svc.cluster.local`."""
    name, _, rest = host.removesuffix(".cluster.local").removesuffix(".svc").partition(".")
    return name, rest or namespace


def _no_such_host(host: str) -> UnreachableError:
    return UnreachableError(f"dial tcp: lookup {host} on {DNS_SERVER}: no such host", 0.004)
