"""Claims that no volume satisfies: which demand of the claim is the one that fails.

Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding
"""

from collections.abc import Iterator

from agent.analyzers.suspicion import PROVEN, STRONG, Suspicion
from agent.cluster.nodes import PersistentVolume, PersistentVolumeClaim, StorageClass
from agent.cluster.quantities import quantity
from agent.cluster.selection import selects
from agent.looks import Sighting, Statement, states
from agent.situation import Ailing, Situation, reference

NO_PROVISIONER = "kubernetes.io/no-provisioner"
PREFERENCE = (
    "pvc_selector_mismatch",
    "pvc_capacity_mismatch",
    "pvc_access_mode_mismatch",
    "pvc_storage_class_mismatch",
    "pv_binding_occupied",
)
"""Of volumes that fail one demand each, the free one is the one that was meant."""


def unbound_claims(situation: Situation) -> Iterator[Suspicion]:
    """Why the claims of pods without a node are not bound."""
    for ailing in situation.ailing:
        if any(not pod.spec.node_name for pod in ailing.sick) or not ailing.pods:
            for claim in claims_of(situation, ailing):
                if claim.status.phase == "Pending":
                    yield from _explained(situation, ailing, claim)


def claims_of(situation: Situation, ailing: Ailing) -> Iterator[PersistentVolumeClaim]:
    """The claims that the workload's pods mount, as far as they exist."""
    specs = [pod.spec for pod in ailing.pods] or [ailing.workload.template]
    wanted = {
        item.persistent_volume_claim.claim_name
        for spec in specs
        for item in spec.volumes
        if item.persistent_volume_claim
    }
    namespace = ailing.workload.namespace
    return (claim for claim in situation.cluster.claims if claim.name in wanted and claim.namespace == namespace)


def _explained(situation: Situation, ailing: Ailing, claim: PersistentVolumeClaim) -> Iterator[Suspicion]:
    pending = situation.objects.sees(f"{claim} status.phase", claim.status.phase)
    blocked = states(f"{claim}, which {ailing.workload} mounts, is {claim.status.phase}", pending)
    where = reference(ailing.workload)
    if _class_is_missing(situation, claim):
        named = situation.objects.sees(f"{claim} storageClassName", claim.spec.storage_class_name or "")
        yield Suspicion(
            "pvc_storage_class_mismatch",
            where,
            PROVEN,
            (states(f"{claim} wants storage class {named.value}, which does not exist", named), blocked),
        )
        return
    judged = [(mismatches(claim, volume), volume) for volume in situation.cluster.volumes]
    judged = [(failed, volume) for failed, volume in judged if failed]
    if not judged or _provisioned(situation, claim):
        return
    failed, volume = min(judged, key=lambda item: (len(item[0]), PREFERENCE.index(item[0][0])))
    yield Suspicion(
        failed[0],
        where,
        PROVEN if len(failed) == 1 else STRONG,
        (blocked, _difference(situation, claim, volume, failed[0])),
    )


def _class_is_missing(situation: Situation, claim: PersistentVolumeClaim) -> bool:
    name = claim.spec.storage_class_name
    if not name or any(item.name == name for item in situation.cluster.storage_classes):
        return False
    return all(volume.spec.storage_class_name != name for volume in situation.cluster.volumes)


def _provisioned(situation: Situation, claim: PersistentVolumeClaim) -> bool:
    """Whether a provisioner would make a volume for the claim, so that existing volumes do not matter."""
    found: StorageClass | None = next(
        (item for item in situation.cluster.storage_classes if item.name == claim.spec.storage_class_name), None
    )
    return found is not None and bool(found.provisioner) and found.provisioner != NO_PROVISIONER


def mismatches(claim: PersistentVolumeClaim, volume: PersistentVolume) -> tuple[str, ...]:
    """Demands of the claim that the volume does not meet, most telling first."""
    found: set[str] = set()
    owner = volume.spec.claim_ref
    if owner and (owner.namespace, owner.name) != (claim.namespace, claim.name):
        found.add("pv_binding_occupied")
    if claim.spec.selector is not None and not selects(claim.spec.selector, volume.metadata.labels):
        found.add("pvc_selector_mismatch")
    if not set(claim.spec.access_modes) <= set(volume.spec.access_modes):
        found.add("pvc_access_mode_mismatch")
    if (claim.spec.storage_class_name or "") != volume.spec.storage_class_name:
        found.add("pvc_storage_class_mismatch")
    wanted = quantity(claim.spec.resources.requests.get("storage", "0")) or 0.0
    offered = quantity(volume.spec.capacity.get("storage", "0")) or 0.0
    if wanted > offered:
        found.add("pvc_capacity_mismatch")
    return tuple(cause for cause in PREFERENCE if cause in found)


def _difference(situation: Situation, claim: PersistentVolumeClaim, volume: PersistentVolume, cause: str) -> Statement:
    wants, has = _sides(claim, volume, cause)
    look = situation.objects
    sides: tuple[Sighting, Sighting] = (
        look.sees(f"{claim} {wants[0]}", wants[1]),
        look.sees(f"{volume} {has[0]}", has[1]),
    )
    return states(f"{claim} wants {wants[0]} {sides[0].value}; {volume} has {has[0]} {sides[1].value}", *sides)


def _sides(
    claim: PersistentVolumeClaim, volume: PersistentVolume, cause: str
) -> tuple[tuple[str, str], tuple[str, str]]:
    owner = volume.spec.claim_ref
    match cause:
        case "pv_binding_occupied":
            bound = f"{owner.namespace}/{owner.name}" if owner else "none"
            return ("metadata.name", claim.name), ("claimRef", bound)
        case "pvc_selector_mismatch":
            labels = claim.spec.selector.match_labels if claim.spec.selector else {}
            return ("selector", _pairs(labels)), ("labels", _pairs(volume.metadata.labels))
        case "pvc_access_mode_mismatch":
            return ("accessModes", ",".join(claim.spec.access_modes)), (
                "accessModes",
                ",".join(volume.spec.access_modes),
            )
        case "pvc_storage_class_mismatch":
            return (
                ("storageClassName", claim.spec.storage_class_name or ""),
                ("storageClassName", volume.spec.storage_class_name),
            )
        case _:
            return (
                ("requests.storage", claim.spec.resources.requests.get("storage", "0")),
                ("capacity.storage", volume.spec.capacity.get("storage", "0")),
            )


def _pairs(labels: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
