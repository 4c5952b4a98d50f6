"""Services that lead nowhere: selectors, ports, protocols, policies."""

from collections.abc import Iterator

from agent.analyzers.listening import listens, port_numbers
from agent.analyzers.reachability import reach
from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.cluster.objects import Service, ServicePort
from agent.cluster.selection import selects
from agent.cluster.workloads import Workload
from agent.looks import Statement, states
from agent.situation import Situation, reference


def selectors_without_pods(situation: Situation) -> Iterator[Suspicion]:
    """Services that select nothing although somebody calls them or a workload of theirs exists."""
    for service in situation.services:
        if (
            not service.spec.selector
            or situation.cluster.backends(service)
            or situation.cluster.ready_addresses(service)
        ):
            continue
        meant = _meant(situation, service)
        called = situation.calls.calling(service.name)
        if not meant and not called:
            continue
        selector = ", ".join(f"{key}={value}" for key, value in service.spec.selector.items())
        seen = situation.objects.sees(f"{service} selector", selector)
        statements = [states(f"{service} selects {seen.value}, which no pod template has", seen)]
        if meant:
            labels = ", ".join(f"{k}={v}" for k, v in meant.spec.template.metadata.labels.items())
            has = situation.objects.sees(f"{meant} labels", labels)
            statements.append(states(f"{meant} has {has.value}", has))
        statements.extend(reach(situation, service).statements)
        yield Suspicion("service_selector_mismatch", reference(service), PROVEN if meant else LIKELY, tuple(statements))


def _meant(situation: Situation, service: Service) -> Workload | None:
    """The workload the Service was probably meant for: of its name, else one that has part of the selector."""
    named = situation.cluster.workload(service.namespace, service.name)
    if named:
        return named
    pairs = service.spec.selector.items()
    served = {item.name for other in situation.services for item in situation.cluster.backends(other)}
    return next(
        (
            item
            for item in situation.workloads
            if item.name not in served and pairs & item.spec.template.metadata.labels.items()
        ),
        None,
    )


def wrong_ports(situation: Situation) -> Iterator[Suspicion]:
    """Services whose target port or protocol is not one their pods have."""
    for service in situation.services:
        for workload in situation.cluster.backends(service):
            for port in service.spec.ports:
                yield from _wrong_protocol(situation, service, workload, port)
                yield from _wrong_port(situation, service, workload, port)


def _wrong_port(situation: Situation, service: Service, workload: Workload, port: ServicePort) -> Iterator[Suspicion]:
    target = port.target_port or str(port.port)
    reached = reach(situation, service)
    if listens(workload, target) is not False or reached.works:
        return
    declared = sorted(number for item in workload.template.containers for number in port_numbers(item))
    aim = situation.objects.sees(f"{service} targetPort", target)
    has = situation.objects.sees(f"{workload} ports", ", ".join(str(number) for number in declared))
    proof = states(f"{service} sends to port {target}; {workload} listens on {has.value}", aim, has)
    yield Suspicion(
        "service_port_mapping_mismatch",
        reference(service),
        PROVEN if reached.fails else LIKELY,
        (proof, *reached.statements),
    )


def _wrong_protocol(
    situation: Situation, service: Service, workload: Workload, port: ServicePort
) -> Iterator[Suspicion]:
    target = port.target_port or str(port.port)
    declared = [
        item
        for container in workload.template.containers
        for item in container.ports
        if target in {str(item.container_port), item.name}
    ]
    protocols = {item.protocol for item in declared}
    if not declared or port.protocol in protocols:
        return
    if any(other.port == port.port and other.protocol in protocols for other in service.spec.ports):
        return
    reached = reach(situation, service)
    offers = situation.objects.sees(f"{service} protocol", port.protocol)
    speaks = situation.objects.sees(f"{workload} protocol", ", ".join(sorted(protocols)))
    proof = states(f"{service} forwards {offers.value}; {workload} speaks {speaks.value} there", offers, speaks)
    yield Suspicion(
        "service_protocol_mismatch",
        reference(service),
        PROVEN if reached.fails else STRONG,
        (proof, *reached.statements),
    )


def closed_by_policy(situation: Situation) -> Iterator[Suspicion]:
    """Network policies that let nobody in, on pods of services that cannot be reached."""
    for service in situation.services:
        reached = reach(situation, service)
        if not reached.fails:
            continue
        for workload in situation.cluster.backends(service):
            yield from _closed(situation, workload, reached.statements)


def _closed(situation: Situation, workload: Workload, symptoms: tuple[Statement, ...]) -> Iterator[Suspicion]:
    labels = workload.spec.template.metadata.labels
    for policy in situation.cluster.network_policies:
        closed = "Ingress" in policy.spec.policy_types and not policy.spec.ingress
        if policy.namespace == workload.namespace and closed and selects(policy.spec.pod_selector, labels):
            seen = situation.objects.sees(f"{policy} ingress", "none")
            proof = states(f"{policy} lets nobody reach {workload}", seen)
            healthy = situation.healthy(workload)
            yield Suspicion(
                "network_policy_blocks", reference(workload), LIKELY if healthy else POSSIBLE, (proof, *symptoms)
            )
