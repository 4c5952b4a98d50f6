"""Names that do not resolve: by one workload's own DNS settings, or by the cluster's resolver."""

from collections.abc import Iterator, Sequence

from agent.analyzers.journal import Line, Phrases, application_logs, last_line
from agent.analyzers.suspicion import LIKELY, PROVEN, STRONG, Suspicion
from agent.cluster.index import names
from agent.cluster.pods import Pod
from agent.cluster.workloads import Workload
from agent.looks import Statement, states
from agent.situation import Situation, reference
from domain.objects import ObjectRef

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
NODE_LOCAL_DNS = "169.254."
DNS_LABEL = "k8s-app"
DNS_NAMES = frozenset({"kube-dns", "coredns", "rke2-coredns"})
DNS_NAMESPACE = "kube-system"
MANY = 2
"""Workloads that cannot resolve names at the same time have one resolver in common."""


def broken_resolvers(situation: Situation) -> Iterator[Suspicion]:
    """Workloads whose pods cannot look names up, or the resolver they share."""
    yield from _resolver_down(situation)
    shared: list[tuple[Workload, Line]] = []
    for workload in situation.workloads:
        settings = _foreign_resolver(situation, workload)
        sick = next((item.sick for item in situation.ailing if item.workload is workload), ())
        line = _fails_to_resolve(situation, sick)
        if line and not settings:
            shared.append((workload, line))
        elif settings and sick:
            said = (_said(line),) if line else ()
            yield Suspicion("service_dns_resolution_failure", reference(workload), PROVEN, (settings, *said))
    if len(shared) >= MANY:
        lines = tuple(_said(line) for _, line in shared)
        yield Suspicion("service_dns_resolution_failure", _resolver(situation), LIKELY, lines[:4])
        return
    for workload, line in shared:
        yield Suspicion("service_dns_resolution_failure", reference(workload), LIKELY, (_said(line),))


def _said(line: Line) -> Statement:
    return states(f"{line.key.container} cannot resolve names: {line.sighting.value}", line.sighting)


def _cluster_dns(situation: Situation) -> Workload | None:
    """The workload behind cluster DNS, by the label that its Service selects by convention."""
    return next(
        (
            item
            for item in situation.cluster.workloads
            if item.namespace == DNS_NAMESPACE
            and {item.spec.template.metadata.labels.get(DNS_LABEL, ""), item.name} & DNS_NAMES
        ),
        None,
    )


def _resolver(situation: Situation) -> ObjectRef:
    found = _cluster_dns(situation)
    return reference(found) if found else ObjectRef(kind="service", name="kube-dns", namespace=DNS_NAMESPACE)


def _resolver_down(situation: Situation) -> Iterator[Suspicion]:
    """Cluster DNS without a ready pod: nothing resolves."""
    found = _cluster_dns(situation)
    if found and found.status.ready_replicas == 0:
        ready = situation.objects.sees(f"{found} readyReplicas", 0.0)
        proof = states(f"{found}, which resolves names for the cluster, has 0 ready pods", ready)
        yield Suspicion("service_dns_resolution_failure", reference(found), STRONG, (proof,))


def _fails_to_resolve(situation: Situation, sick: Sequence[Pod]) -> Line | None:
    """A line that says that the resolver does not answer, or does not know an existing Service."""
    logs = [item for pod in sick for item in situation.logs_of(pod)]
    silent = last_line(situation, logs, LOOKUP_TIMEOUT)
    if silent:
        return silent
    line = last_line(situation, application_logs(situation, sick), UNRESOLVED)
    known = {name for pod in sick for name in names(situation.cluster.services, pod.namespace)}
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
