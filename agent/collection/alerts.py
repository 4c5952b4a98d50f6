"""Active alerts: what Alertmanager holds, else what the incident came with."""

from dataclasses import dataclass

from agent.collection.reads import Reads, look_at
from agent.collection.sources import Sources
from agent.looks import Look
from agent.situation import NOWHERE
from domain.alerts import Alert
from domain.model import canonical_json
from tools.alertmanager.models import ActiveAlert


@dataclass(frozen=True)
class Complaints:
    """Active alerts, and where they were seen."""

    alerts: tuple[ActiveAlert, ...] = ()
    look: Look = NOWHERE


async def read_alerts(sources: Sources, namespace: str | None, incident: tuple[Alert, ...], reads: Reads) -> Complaints:
    """Alerts of the namespace and those of none, such as nodes' alerts."""
    if sources.alertmanager is None:
        reads.missing("alertmanager")
        return await _received(sources, incident, reads)
    reading = await reads.attempt("alert", "alertmanager", "active alerts", sources.alertmanager.alerts())
    if reading is None:
        return await _received(sources, incident, reads)
    concerned = tuple(
        alert
        for alert in reading.value
        if alert.state == "active" and (namespace is None or alert.labels.get("namespace", namespace) == namespace)
    )
    return Complaints(concerned, look_at("alert", "alertmanager", reading, f"{len(concerned)} active alerts"))


async def _received(sources: Sources, incident: tuple[Alert, ...], reads: Reads) -> Complaints:
    """The incident's own alerts as Alertmanager would hold them."""
    firing = [alert for alert in incident if alert.status == "firing"]
    if not firing:
        return Complaints()
    raw = canonical_json([alert.model_dump(mode="json") for alert in firing])
    digest = await sources.artifacts.put(raw)
    look = Look("alert", "webhook", "alerts of the incident", digest, reads.at, f"{len(firing)} alerts received")
    active = (
        ActiveAlert(
            fingerprint=alert.fingerprint,
            labels=alert.labels,
            annotations=alert.annotations,
            state="active",
            starts_at=alert.starts_at,
        )
        for alert in firing
    )
    return Complaints(tuple(active), look)
