"""Whether a recorded system is well, by the state of its objects alone.

Deliberately none of the product's analyzers: what is called healthy must be so by what Kubernetes itself reports.
"""

from collections.abc import Iterator
from datetime import timedelta

from agent.cluster.pods import Pod
from agent.cluster.workloads import Workload
from evals.exposition import samples
from evals.recordings import Recording

LATELY = timedelta(hours=1)
"""Containers that ended longer ago have proved since that they can run."""


def complaints(case: Recording) -> tuple[str, ...]:
    """What is not as it should be in the case's namespace and on its nodes; empty for a system that is well."""
    return (*_workloads(case), *_services(case), *_nodes(case), *_claims(case), *_probes(case))


def is_well(case: Recording, workload: Workload) -> bool:
    """Whether it runs, has all replicas it asks for, every pod of it is ready, and no container ended of late."""
    pods = case.cluster.pods_of(workload)
    full = workload.status.ready_replicas == workload.desired > 0
    return full and len(pods) == workload.desired and all(pod.ready and _quiet(case, pod) for pod in pods)


def _quiet(case: Recording, pod: Pod) -> bool:
    ends = (status.last_exit for status in pod.status.container_statuses if status.restart_count)
    times = (end.finished_at for end in ends if end is not None)
    return all(at is not None and case.taken_at - at > LATELY for at in times)


def own_workloads(case: Recording) -> tuple[Workload, ...]:
    """Workloads of the case's namespace."""
    return tuple(item for item in case.cluster.workloads if item.namespace == case.namespace)


def _workloads(case: Recording) -> Iterator[str]:
    yield from (f"{item} is not well" for item in own_workloads(case) if not is_well(case, item))
    owned = {pod.name for item in own_workloads(case) for pod in case.cluster.pods_of(item)}
    for pod in case.cluster.pods:
        if pod.namespace == case.namespace and pod.name not in owned and not pod.ready:
            yield f"{pod} is not ready"


def _services(case: Recording) -> Iterator[str]:
    """Services that lead nowhere, if there is something that they should lead to."""
    for service in case.cluster.services:
        if service.namespace == case.namespace and service.spec.selector:
            meant = case.cluster.workload(service.namespace, service.name) or case.cluster.backends(service)
            if meant and case.cluster.ready_addresses(service) == 0:
                yield f"{service} has no endpoints"


def _nodes(case: Recording) -> Iterator[str]:
    for node in case.cluster.nodes:
        if not node.ready:
            yield f"{node} is not ready"
        if node.spec.unschedulable and not node.control_plane:
            yield f"{node} is cordoned"


def _claims(case: Recording) -> Iterator[str]:
    for claim in case.cluster.claims:
        if claim.namespace == case.namespace and claim.status.phase != "Bound":
            yield f"{claim} is {claim.status.phase}"


def _probes(case: Recording) -> Iterator[str]:
    probes = {"probe_success", "probe_node_success"}
    latest = {item.series: item for item in samples(case.metrics) if item.name in probes}
    for item in latest.values():
        if float(item.value) < 1:
            yield f"{item.name} of {item.label('service')} is {item.value}"
    units = {item.series: item for item in samples(case.metrics) if item.name == "node_systemd_unit_state"}
    for item in units.values():
        if item.label("state") == "active" and float(item.value) < 1:
            yield f"{item.label('name')} on {item.label('node')} is not active"
