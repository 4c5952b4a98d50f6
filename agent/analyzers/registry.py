"""All analyzers, in the order in which their findings win over equally sure ones."""

from collections.abc import Iterator
from dataclasses import replace

from agent.analyzers import (
    addressing,
    admission,
    autoscaling,
    certificates,
    change,
    clocks,
    crashes,
    databases,
    delivery,
    disks,
    gateways,
    images,
    jobs,
    leaks,
    limits,
    nodes,
    performance,
    probes,
    replicas,
    resolvers,
    routing,
    scheduling,
    startup,
    storage,
)
from agent.analyzers.suspicion import Analyzer, Suspicion
from agent.situation import Situation

ANALYZERS: tuple[Analyzer, ...] = (
    nodes.stopped_units,
    nodes.unready_nodes,
    nodes.pressed_nodes,
    nodes.isolated_nodes,
    nodes.silent_nodes,
    nodes.idle_scheduler,
    admission.missing_service_accounts,
    admission.exceeded_quotas,
    admission.refused_pods,
    scheduling.unschedulable,
    storage.unbound_claims,
    images.failed_pulls,
    startup.missing_references,
    startup.unstartable,
    crashes.out_of_memory,
    crashes.port_conflicts,
    databases.wrong_logins,
    databases.odd_logins,
    databases.wrong_ports,
    databases.exhausted_servers,
    databases.starved_clients,
    resolvers.broken_resolvers,
    addressing.wrong_addresses,
    probes.failed_probes,
    routing.selectors_without_pods,
    routing.wrong_ports,
    routing.closed_by_policy,
    gateways.misroutes,
    replicas.scaled_to_zero,
    replicas.lost_replicas,
    delivery.failed_syncs,
    delivery.drifted,
    disks.full_volumes,
    disks.refused_writes,
    disks.evicted_for_disk,
    certificates.expired_certificates,
    certificates.refused_certificates,
    clocks.skewed_nodes,
    clocks.tokens_from_the_future,
    limits.rate_limited,
    limits.exhausted_pools,
    jobs.deadlocked_jobs,
    autoscaling.flapping,
    leaks.leaks,
    performance.overloaded,
    performance.lossy_nodes,
    performance.delayed_nodes,
    performance.delayed_pods,
    change.bad_changes,
    crashes.crash_loops,
)


def suspicions(situation: Situation) -> Iterator[Suspicion]:
    """What every analyzer suspects, with the analyzer's name."""
    for analyzer in ANALYZERS:
        name = f"{analyzer.__module__.rpartition('.')[2]}.{analyzer.__name__}"
        for suspicion in analyzer(situation):
            yield replace(suspicion, analyzer=name)
