"""Healthy systems: a case one hour later, with everything that was not well as other cases of the system have it.

Nodes, quotas, policies, ConfigMaps and the rest of the cluster come from one donor whose fault lies in one application;
each application that is at fault or not well comes from a donor where it is well; gauges go on as they were before the
incident. Old events and old log lines stay, as they do after a real repair. A result that `wellness` still has a word
against is refused.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from domain.alerts import Webhook
from domain.model import canonical_json
from evals.exposition import Sample, exposition, samples
from evals.labels import healthy
from evals.recordings import Recording, key_of, shifted_object
from evals.transforms.belongings import STORAGE, transplanted
from evals.transforms.pool import Pool, Summary
from evals.transforms.wellness import complaints, is_well, own_workloads
from tools.documents import JsonObject

LATER = timedelta(hours=1)
APPLICATIONS = STORAGE | {
    *("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Pod", "Event"),
    *("Service", "Endpoints", "EndpointSlice", "ServiceAccount", "Secret"),
}
"""Kinds that are taken application by application; all others are the cluster around them."""
STATES = frozenset({"probe_success", "probe_node_success", "node_systemd_unit_state"})
BEFORE_ALERT = timedelta(minutes=1)
LEAST_PAST = 5


class NotMended(ValueError):
    """A case that cannot be made healthy with what the suite has; says why."""


def mended(target: Summary, pool: Pool) -> Recording:
    """The case's system without its fault. Raises `NotMended`."""
    surroundings = next(_surroundings(target, pool), None)
    if surroundings is None:
        raise NotMended("no case of the system has a fault in one application only")
    case = _frame(_later(pool.read(target.folder)), surroundings)
    for application in sorted(_unwell(case, surroundings, target)):
        donor = pool.donor(target, application)
        if donor is None:
            raise NotMended(f"{application} is well in no case of the system")
        case = transplanted(case, donor, application)
    case = replace(case, active_alerts=(), label=healthy(), metrics=_calm(case))
    if found := complaints(case):
        raise NotMended("; ".join(found[:3]))
    return case


def _surroundings(target: Summary, pool: Pool) -> Iterator[Recording]:
    for other in pool.shuffled():
        if other.contained and (other.system, other.namespace) == (target.system, target.namespace):
            yield pool.read(other.folder)


def _later(case: Recording) -> Recording:
    """The same an hour on: somebody asks again, history is history."""
    gauges = (item._replace(at=item.at + LATER.total_seconds()) for item in samples(case.metrics))
    return replace(
        case,
        header=shifted_object(case.header, LATER),
        webhook=shifted_object(case.webhook, LATER),
        metrics=exposition(gauges),
    )


def _frame(case: Recording, donor: Recording) -> Recording:
    """The case in the donor's cluster: its nodes, quotas and policies, other namespaces, and no intruders."""
    by = case.taken_at - donor.taken_at
    known = {key_of(item) for item in donor.items}
    intruders = {item.name for item in own_workloads(case)} - {item.name for item in own_workloads(donor)}
    kept = [item for item in case.items if not _around(item, case.namespace) and not _intrudes(item, intruders)]
    kept = [item for item in kept if key_of(item).kind not in STORAGE or key_of(item) in known]
    around = (shifted_object(item, by) for item in donor.items if _around(item, donor.namespace))
    return replace(case, items=(*kept, *around))


def _around(item: JsonObject, namespace: str) -> bool:
    key = key_of(item)
    return key.kind not in APPLICATIONS or (key.namespace not in {"", namespace} and key.kind != "Event")


def _intrudes(item: JsonObject, intruders: set[str]) -> bool:
    """Whether the object is a workload that the system does not have otherwise, or one of its pods."""
    name = key_of(item).name
    return any(name == intruder or name.startswith(f"{intruder}-") for intruder in intruders)


def _unwell(case: Recording, donor: Recording, target: Summary) -> Iterator[str]:
    """Applications at fault, not well, without a Service that they otherwise have, or changed by the fault."""
    services = {item.name for item in case.cluster.services if item.namespace == case.namespace}
    lacking = {item.name for item in donor.cluster.services if item.namespace == donor.namespace} - services
    mine = {item.name: item for item in own_workloads(case)}
    for item in own_workloads(donor):
        here = mine.get(item.name)
        lost = item.name in lacking
        if item.name == target.application or lost or here is None or not is_well(case, here):
            yield item.name


def _calm(case: Recording) -> str:
    """The metrics without alerts: probes and units well, gauges as they were before the incident."""
    onset = _onset(case)
    by_series: defaultdict[object, list[Sample]] = defaultdict(list)
    for item in samples(case.metrics):
        if item.name != "ALERTS":
            by_series[item.series].append(item)
    return exposition(item for found in by_series.values() for item in _calmed(found, onset))


def _onset(case: Recording) -> datetime:
    alerts = Webhook.model_validate_json(canonical_json(case.webhook)).alerts
    return min((alert.starts_at for alert in alerts), default=case.taken_at) - BEFORE_ALERT


def _calmed(found: list[Sample], onset: datetime) -> Iterator[Sample]:
    if found[0].name in STATES:
        yield from (item._replace(value="1") if item.label("state") in {"", "active"} else item for item in found)
        return
    if len(found) <= LEAST_PAST:
        yield from found
        return
    past = [item for item in found if item.at < onset.timestamp()]
    if len(past) >= LEAST_PAST:
        yield from (item._replace(value=past[place % len(past)].value) for place, item in enumerate(found))
