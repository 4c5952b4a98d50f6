"""Configured addresses that lead nowhere, and names that do not resolve."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from agent.addresses import Address, addresses
from agent.analyzers.journal import Line, Phrases, application_logs, last_line
from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.cluster.index import names
from agent.cluster.pods import Container, Pod
from agent.cluster.workloads import Workload
from agent.looks import Statement, states
from agent.situation import Situation, reference

UNRESOLVED = Phrases(
    "no such host",
    "Temporary failure in name resolution",
    "Name or service not known",
    "UnknownHostException",
    "getaddrinfo",
    "server misbehaving",
    "could not resolve host",
    "NXDOMAIN",
)
LOOKUP_TIMEOUT = Phrases("lookup ", also=r"lookup \S+ on \S+ .*(?:i/o timeout|connection refused)")
FAILING = re.compile(
    r"no such host|unavailable|refused|timeout|unreachable|unknown ?host|ENOTFOUND|not known|resolv|503", re.IGNORECASE
)
NO_HOST = "no such host|unknown ?host|ENOTFOUND|not known|NXDOMAIN"
NODE_LOCAL_DNS = "169.254."


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


def broken_resolvers(situation: Situation) -> Iterator[Suspicion]:
    """Workloads whose pods cannot look names up: by their DNS settings, by their logs."""
    for workload in situation.workloads:
        settings = _foreign_resolver(situation, workload)
        sick = next((item.sick for item in situation.ailing if item.workload is workload), ())
        line = _fails_to_resolve(situation, sick)
        if line is None and not (settings and sick):
            continue
        statements = [settings] if settings else []
        if line:
            statements.append(
                states(f"{line.key.container} cannot resolve names: {line.sighting.value}", line.sighting)
            )
        confidence = PROVEN if settings else LIKELY
        yield Suspicion("service_dns_resolution_failure", reference(workload), confidence, tuple(statements))


def _fails_to_resolve(situation: Situation, sick: Sequence[Pod]) -> Line | None:
    """A line that says that the resolver does not answer, or does not know an existing Service."""
    logs = [item for pod in sick for item in situation.logs_of(pod)]
    silent = last_line(situation, logs, LOOKUP_TIMEOUT)
    if silent:
        return silent
    line = last_line(situation, application_logs(situation, sick), UNRESOLVED)
    known = {service.name for service in situation.cluster.services}
    return line if line and any(name in line.text for name in known) else None


def _foreign_resolver(situation: Situation, workload: Workload) -> Statement | None:
    """DNS settings that bypass the cluster's own resolver."""
    spec = workload.template
    if spec.dns_policy != "None" or not spec.dns_config.nameservers:
        return None
    own = {service.spec.cluster_ip for service in situation.cluster.services if "dns" in service.name}
    foreign = [ip for ip in spec.dns_config.nameservers if ip not in own and not ip.startswith(NODE_LOCAL_DNS)]
    if not foreign:
        return None
    policy = situation.objects.sees(f"{workload} dnsPolicy", spec.dns_policy)
    servers = situation.objects.sees(f"{workload} nameservers", ", ".join(foreign))
    return states(f"{workload} has dnsPolicy {policy.value} and asks {servers.value}", policy, servers)
