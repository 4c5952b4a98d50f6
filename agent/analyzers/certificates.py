"""TLS certificates that have run out: as cert-manager says, and as clients complain."""

import re
from collections.abc import Iterator

from agent.analyzers.distress import complaints, distress_of
from agent.analyzers.journal import Line, Phrases
from agent.analyzers.limits import other_end
from agent.analyzers.suspicion import LIKELY, PROVEN, STRONG, Suspicion
from agent.cluster.certificates import Certificate
from agent.cluster.workloads import Workload
from agent.looks import Statement, states
from agent.situation import Situation, reference
from domain.objects import ObjectRef

EXPIRED_WORDS = Phrases(
    "certificate has expired",
    "certificate expired",
    "expired certificate",
    "CertificateExpiredException",
    "CERTIFICATE_VERIFY_FAILED",
    "CERT_HAS_EXPIRED",
    "NotAfter:",
    also=r"certificate (?:has )?expired|expired certificate|CertificateExpired|CERT_HAS_EXPIRED|NotAfter:",
)
NOT_YET = re.compile(r"current time \S+ is before", re.IGNORECASE)
BY_THE_PEER = re.compile(r"remote error|alert received|received (?:fatal )?alert|from peer", re.IGNORECASE)
EXPIRY_REASONS = frozenset({"Expired"})


def expired_certificates(situation: Situation) -> Iterator[Suspicion]:
    """Certificates past their time, with who mounts them."""
    for certificate in situation.cluster.certificates:
        proof = _expired(situation, certificate)
        if not proof or not situation.concerns(certificate.namespace):
            continue
        users = [item for item in situation.workloads if _mounts(item, certificate)]
        used = tuple(_use(situation, item, certificate) for item in users[:2])
        where = reference(users[0]) if len(users) == 1 else _reference(certificate)
        yield Suspicion("certificate_expired", where, PROVEN if users else STRONG, (*proof, *used))


def _expired(situation: Situation, certificate: Certificate) -> tuple[Statement, ...]:
    end = certificate.status.not_after
    if end is not None and end <= situation.now:
        seen = situation.objects.sees(f"{certificate} notAfter", end.isoformat())
        return (states(f"{certificate} was valid until {seen.value}", seen), *_why(situation, certificate))
    ready = certificate.condition("Ready")
    if ready and ready.status == "False" and ready.reason in EXPIRY_REASONS:
        seen = situation.objects.sees(f"{certificate} Ready", f"{ready.reason}: {ready.message}")
        return (states(f"{certificate} is not ready: {seen.value}", seen), *_why(situation, certificate))
    return ()


def _why(situation: Situation, certificate: Certificate) -> tuple[Statement, ...]:
    """Why it was not renewed, in cert-manager's latest warning."""
    warnings = [event for event in situation.cluster.events_of(certificate) if event.type == "Warning"]
    if not warnings:
        return ()
    seen = situation.events.sees(f"{certificate} {warnings[-1].reason}", warnings[-1].message)
    return (states(f"cert-manager says of {certificate}: {seen.value}", seen),)


def _mounts(workload: Workload, certificate: Certificate) -> bool:
    mounted = {volume.secret.secret_name for volume in workload.template.volumes if volume.secret}
    return workload.namespace == certificate.namespace and certificate.spec.secret_name in mounted


def _use(situation: Situation, workload: Workload, certificate: Certificate) -> Statement:
    seen = situation.objects.sees(f"{workload} secret of {certificate}", certificate.spec.secret_name)
    return states(f"{workload} mounts its Secret {seen.value}", seen)


def _reference(certificate: Certificate) -> ObjectRef:
    return ObjectRef(kind="certificate", name=certificate.name, namespace=certificate.namespace or None)


def refused_certificates(situation: Situation) -> Iterator[Suspicion]:
    """Clients that refuse an expired certificate; the fault is of whoever shows it."""
    for workload, line in complaints(situation, EXPIRED_WORDS):
        if NOT_YET.search(line.text):
            continue
        distress = distress_of(situation, workload)
        said = states(f"{line.key.container} says: {line.sighting.value}", line.sighting)
        statements = (said, *distress.statements)
        yield Suspicion(
            "certificate_expired", reference(_shown_by(situation, workload, line)), distress.weighs(LIKELY), statements
        )


def _shown_by(situation: Situation, workload: Workload, line: Line) -> Workload:
    """Whose certificate it is: the other end's, unless the other end complains of ours."""
    if BY_THE_PEER.search(line.text):
        return workload
    return other_end(situation, workload, line) or workload
