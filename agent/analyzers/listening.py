"""Which ports a container listens on, as far as its template says."""

import re
from collections.abc import Iterator

from agent.cluster.pods import Container
from agent.cluster.workloads import Workload

_PORT_VARIABLE = re.compile(r"(?:^|_)PORT$")
_PORT_FLAG = re.compile(r"(?:^|[-_ ])port[= ](\d{2,5})\b")


def port_numbers(container: Container) -> frozenset[int]:
    """Declared ports, and numbers in variables and flags named for a port."""
    return frozenset(_port_numbers(container))


def _port_numbers(container: Container) -> Iterator[int]:
    yield from (port.container_port for port in container.ports)
    for variable in container.env:
        if variable.value and variable.value.isdigit() and _PORT_VARIABLE.search(variable.name.upper()):
            yield int(variable.value)
    for text in (*container.command, *container.args):
        yield from (int(number) for number in _PORT_FLAG.findall(text))


def resolve(port: str, container: Container) -> int | None:
    """A port written as number or name; None for a name the container does not declare."""
    if port.isdigit():
        return int(port)
    return next((item.container_port for item in container.ports if item.name == port), None)


def listens(workload: Workload, port: str) -> bool | None:
    """Whether one of the workload's containers listens on `port`; None where no container declares any."""
    containers = workload.template.containers
    if not any(port_numbers(item) for item in containers):
        return None
    return any(resolve(port, item) in port_numbers(item) for item in containers)
