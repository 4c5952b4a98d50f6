"""Full disks: volumes by their usage, containers by what they log, pods that were evicted for it."""

import re
from collections.abc import Iterator

from agent.analyzers.distress import complaints, distress_of
from agent.analyzers.journal import Phrases
from agent.analyzers.suspicion import LIKELY, PROVEN, STRONG, Suspicion
from agent.cluster.pods import Pod
from agent.cluster.workloads import Workload
from agent.looks import number, states
from agent.situation import Situation, reference
from domain.objects import ObjectRef

FULL_WORDS = Phrases(
    "no space left on device",
    "ENOSPC",
    "disk is full",
    "disk full",
    "disk quota exceeded",
    "not enough space on the disk",
    "not enough disk space",
    "flood-stage watermark",
    "OS errno 28",
)
FULL = 0.95
"""Share of a volume's bytes in use from which writes begin to fail: file systems keep a reserve."""
EVICTED_FOR_DISK = re.compile(
    r"low on resource: (?:ephemeral-storage|inodes)|ephemeral.{0,20}storage .*exceed", re.IGNORECASE
)


def full_volumes(situation: Situation) -> Iterator[Suspicion]:
    """Claims whose volumes are full, as the kubelet measures them."""
    signal = situation.signals.get("volume_usage")
    for series in signal.series if signal else ():
        name = series.labels.get("persistentvolumeclaim", "")
        if not signal or not name or not series.points or series.points[-1][1] < FULL:
            continue
        used = signal.look.sees(f"{name} volume usage", series.points[-1][1])
        proof = states(f"{number(used)} of the volume of persistentvolumeclaim/{name} is in use", used)
        users = [item for item in situation.workloads if name in _claims(situation, item)]
        claim = ObjectRef(kind="persistentvolumeclaim", name=name, namespace=situation.namespace)
        signs = distress_of(situation, users[0]).statements if users else ()
        sure = PROVEN if signs else LIKELY
        yield Suspicion("disk_full", reference(users[0]) if users else claim, sure, (proof, *signs))


def _claims(situation: Situation, workload: Workload) -> frozenset[str]:
    """Names of the claims that the workload's pods mount; a StatefulSet's pods have one each."""
    specs = (workload.template, *(pod.spec for pod in situation.cluster.pods_of(workload)))
    claims = (volume.persistent_volume_claim for spec in specs for volume in spec.volumes)
    return frozenset(claim.claim_name for claim in claims if claim)


def refused_writes(situation: Situation) -> Iterator[Suspicion]:
    """Workloads that log that they cannot write, unless it is their node's disk: then its pressure says so."""
    for workload, line in complaints(situation, FULL_WORDS):
        distress = distress_of(situation, workload)
        said = states(f"{line.key.container} cannot write: {line.sighting.value}", line.sighting)
        sure = STRONG if _claims(situation, workload) else LIKELY
        yield Suspicion("disk_full", reference(workload), distress.weighs(sure), (said, *distress.statements))


def evicted_for_disk(situation: Situation) -> Iterator[Suspicion]:
    """Workloads that lack pods because the kubelet evicted theirs for local storage."""
    for ailing in situation.ailing:
        evicted = [pod for pod in situation.cluster.pods_of(ailing.workload) if _evicted(pod)]
        if evicted:
            seen = situation.objects.sees(f"{evicted[-1]} status", evicted[-1].status.message)
            proof = states(f"{evicted[-1]} was evicted: {seen.value}", seen)
            yield Suspicion("disk_full", reference(ailing.workload), STRONG, (proof,))


def _evicted(pod: Pod) -> bool:
    return pod.status.reason == "Evicted" and EVICTED_FOR_DISK.search(pod.status.message) is not None
