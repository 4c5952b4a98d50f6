"""Objects the API server refuses to create: service accounts, quotas, pod security, webhooks.

Events of refusals outlive their causes; what counts is whether pods are missing now and the reason still holds.
"""

import re
from collections.abc import Iterator

from agent.analyzers.storage import claims_of
from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.cluster.index import names
from agent.cluster.objects import ResourceQuota
from agent.cluster.pods import PodSpec
from agent.cluster.quantities import quantity
from agent.cluster.selection import requested
from agent.looks import Sighting, Statement, states
from agent.situation import Ailing, Situation, reference
from domain.objects import ObjectRef

QUOTA_CAUSES = (
    (re.compile(r"^(requests\.|limits\.)?cpu$"), "namespace_cpu_quota_exceeded"),
    (re.compile(r"^(requests\.|limits\.)?memory$"), "namespace_memory_quota_exceeded"),
    (re.compile(r"^(count/)?pods$"), "namespace_pod_quota_exceeded"),
    (re.compile(r"^(count/)?services(\..*)?$"), "namespace_service_quota_exceeded"),
    (re.compile(r"storage$|persistentvolumeclaims$"), "namespace_storage_quota_exceeded"),
)
REFUSALS = (
    ("pod_security_violation", re.compile(r"violates PodSecurity", re.IGNORECASE)),
    (
        "mutating_webhook_failure",
        re.compile(r"fail(?:ed|ing) (?:calling|to call) webhook|admission webhook .* denied", re.IGNORECASE),
    ),
)
_EXCEEDED = re.compile(r"exceeded quota: [^,]+, requested: (\S+?),")


def missing_service_accounts(situation: Situation) -> Iterator[Suspicion]:
    """Workloads short of pods whose template names a service account that does not exist now."""
    if "ServiceAccount" not in situation.cluster.kinds:
        return
    for ailing in _short(situation):
        account = ailing.workload.template.service_account_name
        known = names(situation.cluster.service_accounts, ailing.workload.namespace)
        if account and account not in known:
            named = situation.objects.sees(f"{ailing.workload} serviceAccountName", account)
            yield Suspicion(
                "missing_service_account",
                reference(ailing.workload),
                PROVEN,
                (
                    states(f"{ailing.workload} names service account {account}, which does not exist", named),
                    _shortage(situation, ailing),
                ),
            )


def exceeded_quotas(situation: Situation) -> Iterator[Suspicion]:
    """Namespaces whose quota leaves no room for what is missing."""
    for ailing in _short(situation):
        for quota in _quotas(situation, ailing.workload.namespace):
            for resource in quota.status.hard:
                if _full_for(ailing.workload.template, quota, resource):
                    yield from _exceeded(situation, quota, resource, _shortage(situation, ailing), PROVEN)
        if "ResourceQuota" not in situation.cluster.kinds:
            yield from _exceeded_by_words(situation, ailing)
    yield from _services_refused(situation)
    yield from _claims_refused(situation)


def _exceeded_by_words(situation: Situation, ailing: Ailing) -> Iterator[Suspicion]:
    """The quota that the API server says is exceeded, where quotas cannot be read themselves."""
    said = last_refusal(situation, ailing)
    match = _EXCEEDED.search(str(said.value)) if said else None
    if said is None or match is None:
        return
    namespace = ailing.workload.namespace
    for resource in (item.partition("=")[0] for item in match[1].split(",")):
        cause = next((name for words, name in QUOTA_CAUSES if words.search(resource)), None)
        if cause:
            proof = states(f"creating pods of {ailing.workload} is refused: {said.value}", said)
            where = ObjectRef(kind="namespace", name=namespace, namespace=namespace)
            yield Suspicion(cause, where, STRONG, (proof, _shortage(situation, ailing)))
            return


def refused_pods(situation: Situation) -> Iterator[Suspicion]:
    """Workloads short of pods whose latest refusal was by pod security or a webhook."""
    for ailing in _short(situation):
        said = last_refusal(situation, ailing)
        cause = next((name for name, words in REFUSALS if said and words.search(str(said.value))), None)
        if said and cause:
            yield Suspicion(
                cause,
                reference(ailing.workload),
                STRONG,
                (states(f"creating pods of {ailing.workload} is refused: {said.value}", said),),
            )


def last_refusal(situation: Situation, ailing: Ailing) -> Sighting | None:
    """Why a pod could not be created, by the latest event, else by the workload's condition."""
    owners = (*situation.cluster.revisions_of(ailing.workload)[-1:], ailing.workload)
    events = [event for event in situation.cluster.events_of(*owners) if event.reason == "FailedCreate"]
    if events:
        return situation.events.sees(f"{ailing.workload} FailedCreate", events[-1].message)
    words = ailing.workload.refused
    return situation.objects.sees(f"{ailing.workload} ReplicaFailure", words) if words else None


def _short(situation: Situation) -> Iterator[Ailing]:
    return (ailing for ailing in situation.ailing if ailing.missing > 0)


def _shortage(situation: Situation, ailing: Ailing) -> Statement:
    workload = ailing.workload
    wanted = situation.objects.sees(f"{workload} spec.replicas", float(workload.desired))
    exist = situation.objects.sees(f"{workload} status.replicas", float(workload.status.replicas))
    return states(f"{workload} asks for {workload.desired} replicas, {workload.status.replicas} exist", wanted, exist)


def _quotas(situation: Situation, namespace: str) -> Iterator[ResourceQuota]:
    return (quota for quota in situation.cluster.quotas if quota.namespace == namespace)


def _full_for(spec: PodSpec, quota: ResourceQuota, resource: str) -> bool:
    """Whether one more pod would be over the quota; one that asks for nothing is refused where a quota counts."""
    hard = quantity(quota.status.hard.get(resource, "")) or 0.0
    used = quantity(quota.status.used.get(resource, "0")) or 0.0
    if resource in {"pods", "count/pods"}:
        return used + 1 > hard
    name = resource.removeprefix("requests.").removeprefix("limits.")
    if name not in {"cpu", "memory"}:
        return False
    limits = resource.startswith("limits.")
    amounts = [(c.resources.limits if limits else c.resources.requests).get(name) for c in spec.containers]
    need = sum(quantity(amount) or 0.0 for amount in amounts if amount) if limits else requested(spec, name)
    return used + need > hard or not all(amounts)


def _exceeded(
    situation: Situation, quota: ResourceQuota, resource: str, symptom: Statement, confidence: float
) -> Iterator[Suspicion]:
    cause = next((name for words, name in QUOTA_CAUSES if words.search(resource)), None)
    if cause is None:
        return
    hard, used = _levels(situation, quota, resource)
    yield Suspicion(
        cause,
        ObjectRef(kind="namespace", name=quota.namespace, namespace=quota.namespace),
        confidence,
        (states(f"{quota} allows {resource} of {hard.value}; {used.value} is used", hard, used), symptom),
    )


def _levels(situation: Situation, quota: ResourceQuota, resource: str) -> tuple[Sighting, Sighting]:
    return (
        situation.objects.sees(f"{quota} hard {resource}", quota.status.hard.get(resource, "0")),
        situation.objects.sees(f"{quota} used {resource}", quota.status.used.get(resource, "0")),
    )


def _services_refused(situation: Situation) -> Iterator[Suspicion]:
    """Service quotas that are used up while a Service is missing."""
    for quota in situation.cluster.quotas:
        resource = next((name for name in quota.status.hard if name in {"services", "count/services"}), None)
        if resource is None or not situation.concerns(quota.namespace):
            continue
        hard = quantity(quota.status.hard[resource]) or 0.0
        if (quantity(quota.status.used.get(resource, "0")) or 0.0) < hard:
            continue
        lacking = next(_lacking_services(situation), None)
        if lacking:
            yield from _exceeded(situation, quota, resource, lacking, PROVEN)


def _lacking_services(situation: Situation) -> Iterator[Statement]:
    """Services that Git declares, or that a workload's name and its callers suggest, and that do not exist."""
    existing = {service.name for service in situation.services}
    for manifest in situation.manifests.values():
        for declared in manifest.cluster.services:
            if declared.name not in existing:
                seen = manifest.look.sees(str(declared), "declared")
                yield states(f"{declared} is declared in Git and does not exist", seen)
    served = {item.name for service in situation.services for item in situation.cluster.backends(service)}
    for workload in situation.workloads:
        if workload.name not in served and workload.name not in existing:
            seen = situation.objects.sees(f"{workload} services", "none")
            yield states(f"no Service selects {workload}", seen)


def _claims_refused(situation: Situation) -> Iterator[Suspicion]:
    """Storage quotas while a claim that pods mount does not exist."""
    for ailing in situation.ailing:
        present = {claim.name for claim in claims_of(situation, ailing)}
        mounted = [
            v.persistent_volume_claim.claim_name for v in ailing.workload.template.volumes if v.persistent_volume_claim
        ]
        lacking = [name for name in mounted if name not in present]
        if not lacking:
            continue
        seen = situation.objects.sees(f"{ailing.workload} claim", lacking[0])
        symptom = states(f"{ailing.workload} mounts claim {lacking[0]}, which does not exist", seen)
        for quota in _quotas(situation, ailing.workload.namespace):
            for resource in quota.status.hard:
                if resource.endswith(("storage", "persistentvolumeclaims")):
                    room = _room(situation, ailing, lacking[0], quota, resource)
                    yield from _exceeded(situation, quota, resource, symptom, room)


def _room(situation: Situation, ailing: Ailing, claim: str, quota: ResourceQuota, resource: str) -> float:
    """How sure it is that the claim is over the quota: certain where Git says how much it asks for."""
    manifest = situation.manifest_of(ailing.workload.name)
    declared = next((item for item in manifest.cluster.claims if item.name == claim), None) if manifest else None
    hard = quantity(quota.status.hard.get(resource, "")) or 0.0
    used = quantity(quota.status.used.get(resource, "0")) or 0.0
    if declared is None:
        return LIKELY
    need = quantity(declared.spec.resources.requests.get("storage", "0")) or 0.0
    return PROVEN if used + need > hard else POSSIBLE
