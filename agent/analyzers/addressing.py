"""Configured addresses that lead nowhere."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from agent.addresses import Address, addresses
from agent.analyzers.journal import Phrases, application_logs, last_line
from agent.analyzers.suspicion import POSSIBLE, PROVEN, STRONG, Suspicion
from agent.cluster.index import names
from agent.cluster.pods import Container
from agent.cluster.workloads import Workload
from agent.looks import states
from agent.situation import Situation, reference

FAILING = re.compile(
    r"no such host|unavailable|refused|timeout|unreachable|unknown ?host|ENOTFOUND|not known|resolv|503", re.IGNORECASE
)
NO_HOST = "no such host|unknown ?host|ENOTFOUND|not known|NXDOMAIN"


def wrong_addresses(situation: Situation) -> Iterator[Suspicion]:
    """Variables that name a Service which does not exist, or a port it does not have."""
    for workload in situation.workloads:
        known = names(situation.cluster.services, workload.namespace)
        for container, variable, address in addresses(workload, situation.cluster):
            if not _own(address, workload):
                yield from _unresolved_host(situation, workload, variable, address)
            elif known and address.service not in known:
                yield from _unknown_host(situation, workload, variable, address, known)
            elif known and address.port is not None:
                yield from _unknown_port(situation, workload, container, variable, address)


def _unknown_host(
    situation: Situation, workload: Workload, variable: str, address: Address, known: frozenset[str]
) -> Iterator[Suspicion]:
    if situation.cluster.workload(workload.namespace, address.service):
        return  # of a workload without a Service the Service is what is wrong, not the address
    named = situation.objects.sees(f"{workload} {variable}", _written(address))
    wrong = states(f"{workload} has {variable} {named.value}, and there is no Service {address.service}", named)
    pods = situation.cluster.pods_of(workload)
    mentioned = Phrases(address.host, also=rf"\b{re.escape(address.host)}\b")
    line = last_line(situation, application_logs(situation, pods), mentioned)
    meant = _meant(address.service, known)
    if line and FAILING.search(line.text):
        said = states(f"{line.key.container} cannot reach it: {line.sighting.value}", line.sighting)
        yield Suspicion("service_env_var_address_mismatch", reference(workload), PROVEN, (wrong, said))
    elif meant:
        close = situation.objects.sees(f"service like {address.service}", meant)
        hint = states(f"the nearest existing Service is {meant}", close)
        yield Suspicion("service_env_var_address_mismatch", reference(workload), STRONG, (wrong, hint))
    elif _fails(situation, workload):
        yield Suspicion("service_env_var_address_mismatch", reference(workload), POSSIBLE, (wrong,))


def _meant(name: str, known: frozenset[str]) -> str | None:
    """The existing Service whose name somebody may have mistyped, or added something to."""
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
    longer = sorted((item for item in known if len(item) > 3 and name.startswith(item)), key=len)
    return next(iter((*near, *reversed(longer))), None)


def _unresolved_host(situation: Situation, workload: Workload, variable: str, address: Address) -> Iterator[Suspicion]:
    """A host elsewhere that the workload's own log says does not resolve."""
    mentioned = Phrases(
        address.host, also=rf"{re.escape(address.host)}\b.*(?:{NO_HOST})|(?:{NO_HOST}).*{re.escape(address.host)}\b"
    )
    line = last_line(situation, application_logs(situation, situation.cluster.pods_of(workload)), mentioned)
    if line:
        named = situation.objects.sees(f"{workload} {variable}", _written(address))
        wrong = states(f"{workload} has {variable} {named.value}", named)
        said = states(f"{line.key.container} cannot reach it: {line.sighting.value}", line.sighting)
        yield Suspicion("service_env_var_address_mismatch", reference(workload), PROVEN, (wrong, said))


def _own(address: Address, workload: Workload) -> bool:
    """Whether cluster DNS looks the name up in the workload's own namespace."""
    parts = address.host.rstrip(".").split(".")
    if len(parts) == 1:
        return "-" in parts[0] or address.port is not None
    return parts[1] == workload.namespace and (len(parts) == 2 or parts[2] == "svc")


def _fails(situation: Situation, workload: Workload) -> bool:
    """Whether more of the workload's own requests fail than before."""
    anomaly = situation.anomaly(workload.name, "error_ratio")
    return anomaly is not None and anomaly.rise > 0


def _unknown_port(
    situation: Situation, workload: Workload, container: Container, variable: str, address: Address
) -> Iterator[Suspicion]:
    service = situation.cluster.service(workload.namespace, address.service)
    if service is None or address.port in {port.port for port in service.spec.ports} or container.name == service.name:
        return
    offered = ", ".join(str(port.port) for port in service.spec.ports)
    named = situation.objects.sees(f"{workload} {variable}", _written(address))
    has = situation.objects.sees(f"{service} ports", offered)
    wrong = states(f"{workload} has {variable} {named.value}; {service} has {has.value}", named, has)
    others = [item for item in _clients(situation, address) if item is not workload]
    agreeing = sum(1 for item in others if _asks(situation, item, address))
    if agreeing:
        yield Suspicion("service_port_mapping_mismatch", reference(service), STRONG, (wrong,))
    else:
        confidence = STRONG if others or _fails(situation, workload) else POSSIBLE
        yield Suspicion("service_env_var_address_mismatch", reference(workload), confidence, (wrong,))


def _clients(situation: Situation, address: Address) -> list[Workload]:
    """Workloads whose configuration names the same Service with a port."""
    return [
        item
        for item in situation.workloads
        if any(other.service == address.service and other.port for _, _, other in addresses(item, situation.cluster))
    ]


def _asks(situation: Situation, workload: Workload, address: Address) -> bool:
    return any(
        other.service == address.service and other.port == address.port
        for _, _, other in addresses(workload, situation.cluster)
    )


def _written(address: Address) -> str:
    return f"{address.host}:{address.port}" if address.port is not None else address.host
