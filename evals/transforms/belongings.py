"""What belongs to one application in a case, and how it is taken from one case to another of the same system."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from agent.cluster.objects import NetworkPolicy, Service
from agent.cluster.pods import PodSpec
from agent.cluster.selection import selects
from agent.cluster.workloads import Workload
from evals.exposition import Sample, exposition, samples
from evals.recordings import Key, Recording, key_of, shifted, shifted_object
from tools.documents import JsonObject, text_at

STORAGE = frozenset({"PersistentVolume", "PersistentVolumeClaim", "StorageClass"})


@dataclass(frozen=True)
class Belongings:
    """An application's objects, the names metrics may call it, and its pods' names, whether of now or of events."""

    keys: frozenset[Key]
    services: frozenset[str]
    workloads: frozenset[str]

    def owns_pod(self, name: str) -> bool:
        """Whether a pod of that name is the application's, alive or long gone."""
        return any(name.startswith(f"{workload}-") for workload in self.workloads)

    def owns_event(self, item: JsonObject) -> bool:
        """Whether the event is about one of its objects."""
        involved = Key(*(text_at(item, "involvedObject", part) for part in ("kind", "namespace", "name")))
        return involved in self.keys or (involved.kind in {"Pod", "ReplicaSet"} and self.owns_pod(involved.name))


def belongings(case: Recording, application: str) -> Belongings:
    """What belongs to `application`: its workload and what that needs, its pods, and the Services in front of it."""
    cluster, namespace = case.cluster, case.namespace
    workload = cluster.workload(namespace, application)
    fronts = tuple(_fronts(case, application, workload))
    keys = {Key("Service", namespace, item.name) for item in fronts}
    keys |= {Key("Endpoints", namespace, item.name) for item in fronts}
    if workload is not None:
        keys |= set(_of_workload(case, workload))
    services = frozenset({application, *(item.name for item in fronts)})
    return Belongings(frozenset(keys), services, frozenset({application}))


def _fronts(case: Recording, application: str, workload: Workload | None) -> Iterator[Service]:
    for service in case.cluster.services:
        if service.namespace == case.namespace:
            selects = workload is not None and workload in case.cluster.backends(service)
            if service.name == application or selects:
                yield service


def _of_workload(case: Recording, workload: Workload) -> Iterator[Key]:
    cluster, namespace = case.cluster, case.namespace
    yield Key(workload.kind, namespace, workload.name)
    yield from (Key("ReplicaSet", namespace, item.name) for item in cluster.revisions_of(workload))
    yield from (Key("Pod", namespace, pod.name) for pod in cluster.pods_of(workload))
    yield Key("ServiceAccount", namespace, workload.template.service_account_name)
    yield from (Key(kind, namespace, name) for kind, name in _references(workload.template))
    yield from (Key("NetworkPolicy", namespace, item.name) for item in _policies(case, workload))
    if any(volume.persistent_volume_claim for volume in workload.template.volumes):
        yield from (key for item in case.items if (key := key_of(item)).kind in STORAGE and _here(key, namespace))


def _policies(case: Recording, workload: Workload) -> Iterator[NetworkPolicy]:
    """Policies that select the workload's pods by a label; one for all pods is the namespace's."""
    for policy in case.cluster.network_policies:
        selector = policy.spec.pod_selector
        named = bool(selector.match_labels or selector.match_expressions)
        chosen = named and selects(selector, workload.spec.template.metadata.labels)
        if policy.namespace == workload.namespace and chosen:
            yield policy


def _here(key: Key, namespace: str) -> bool:
    return key.namespace in {"", namespace}


def _references(spec: PodSpec) -> Iterator[tuple[str, str]]:
    """Secrets and ConfigMaps that the pod names."""
    for container in (*spec.init_containers, *spec.containers):
        for source in container.env_from:
            yield from _named(source.secret_ref, source.config_map_ref)
        for variable in container.env:
            if variable.value_from:
                yield from _named(variable.value_from.secret_key_ref, variable.value_from.config_map_key_ref)
    for volume in spec.volumes:
        if volume.secret:
            yield "Secret", volume.secret.secret_name
        yield from _named(None, volume.config_map)


def _named(secret: object, config_map: object) -> Iterator[tuple[str, str]]:
    for kind, reference in (("Secret", secret), ("ConfigMap", config_map)):
        name = getattr(reference, "name", "")
        if name and name != "kube-root-ca.crt":
            yield kind, name


def transplanted(case: Recording, donor: Recording, application: str) -> Recording:
    """The case with everything of one application as the donor has it, its times moved to the case's present."""
    by = case.taken_at - donor.taken_at
    mine, theirs = belongings(case, application), belongings(donor, application)
    return replace(
        case,
        items=tuple(_items(case, donor, mine, theirs, by)),
        logs=_logs(case, donor, mine, theirs, by),
        manifests=_manifests(case, donor, application),
        metrics=_metrics(case, donor, mine, theirs, by),
    )


def _items(
    case: Recording, donor: Recording, mine: Belongings, theirs: Belongings, by: timedelta
) -> Iterator[JsonObject]:
    dropped = mine.keys | theirs.keys
    for item in case.items:
        gone = mine.owns_event(item) if text_at(item, "kind") == "Event" else key_of(item) in dropped
        if not gone:
            yield item
    for item in donor.items:
        wanted = theirs.owns_event(item) if text_at(item, "kind") == "Event" else key_of(item) in theirs.keys
        if wanted:
            yield shifted_object(item, by)


def _logs(case: Recording, donor: Recording, mine: Belongings, theirs: Belongings, by: timedelta) -> dict[str, str]:
    kept = {name: text for name, text in case.logs.items() if not mine.owns_pod(name.split("/")[1])}
    taken = {name: shifted(text, by) for name, text in donor.logs.items() if theirs.owns_pod(name.split("/")[1])}
    return {**kept, **taken}


def _manifests(case: Recording, donor: Recording, application: str) -> dict[str, str]:
    text = donor.manifests.get(application)
    others = {name: old for name, old in case.manifests.items() if name != application}
    return others if text is None else {**others, application: text}


def _metrics(case: Recording, donor: Recording, mine: Belongings, theirs: Belongings, by: timedelta) -> str:
    """Probes and gauges of the application. Where the donor did not measure something, the case's own values stay."""
    names = mine.services | theirs.services
    offered = [item for item in samples(donor.metrics) if item.label("service") in theirs.services]
    known = {item.name for item in offered}
    kept = [item for item in samples(case.metrics) if not (item.label("service") in names and item.name in known)]
    return exposition((*kept, *_aligned(offered, by)))


def _aligned(found: Iterable[Sample], by: timedelta) -> Iterator[Sample]:
    return (item._replace(at=item.at + by.total_seconds()) for item in found)
