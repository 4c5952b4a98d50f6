"""Addresses of other services in a workload's configuration."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.cluster.index import Cluster
from agent.cluster.pods import Container
from agent.cluster.workloads import Workload

_HOST = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9-]+)*\.?"
_ADDRESS = re.compile(rf"^(?:(?:[a-z][a-z0-9+.-]*:){{1,2}}//)?(?:[^@/\s]*@)?({_HOST})(?::([0-9]{{1,5}}))?(?:[/?].*)?$")
_HOST_VARIABLE = re.compile(r"(?:_|^)(?:HOST|HOSTNAME|ADDR|ADDRESS|URL|URI|ENDPOINT|SERVER|SERVICE)S?$")
_IPV4 = re.compile(r"^[0-9.]+$")


class Address(NamedTuple):
    """A host as written, and a port where one is."""

    host: str
    port: int | None

    @property
    def service(self) -> str:
        """The host's first label: a Service's name, if it is one in the cluster."""
        return self.host.split(".", 1)[0]


def parse_address(value: str) -> Address | None:
    """The address in `host`, `host:port` or a URL; None for an IP, localhost and other text."""
    match = _ADDRESS.match(value.strip().lower())
    if match is None or _IPV4.match(match[1]) or match[1] == "localhost":
        return None
    return Address(match[1], int(match[2]) if match[2] else None)


def looks_like_address(name: str, value: str) -> bool:
    """Whether the variable means to name another service: by its name, or by a value with scheme or port."""
    return bool(_HOST_VARIABLE.search(name.upper())) or "://" in value or bool(re.search(r":[0-9]{2,5}(?:/|$)", value))


def addresses(workload: Workload, cluster: Cluster) -> Iterator[tuple[Container, str, Address]]:
    """`(container, variable, address)` for each variable of the template that names another host."""
    for container in workload.template.containers:
        for name, value in variables(workload, container, cluster):
            address = parse_address(value) if looks_like_address(name, value) else None
            if address is not None:
                yield container, name, address


def variables(workload: Workload, container: Container, cluster: Cluster) -> Iterator[tuple[str, str]]:
    """The container's variables whose values can be read: literal ones, and ConfigMap keys."""
    maps = {item.name: item.data for item in cluster.config_maps if item.namespace == workload.namespace}
    for source in container.env_from:
        if source.config_map_ref:
            yield from maps.get(source.config_map_ref.name, {}).items()
    for variable in container.env:
        reference = variable.value_from.config_map_key_ref if variable.value_from else None
        if variable.value is not None:
            yield variable.name, variable.value
        elif reference and reference.key in maps.get(reference.name, {}):
            yield variable.name, maps[reference.name][reference.key]
