"""Closes incidents whose workflow is gone: terminated in Temporal, failed, or lost with Temporal's own database.

Left open, they would keep their alert group from opening another, and others from dealing with their cause.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog

from domain.facts import FINAL, IncidentClosed
from domain.incidents import Incident
from service.rounds import rounds
from service.temporal import TemporalEngine
from workflows.messages import TriageClosed
from workflows.ports import FactStore

log = structlog.get_logger(__name__)

EVERY = 60.0
"""Seconds between two rounds."""
REASON = "its workflow has ended in Temporal without a word; what fires goes on in a new incident"


class OpenIncidents(FactStore, Protocol):
    """A fact store that knows what is open."""

    async def open_incidents(self) -> tuple[str, ...]:
        """Ids."""
        ...


@dataclass(frozen=True)
class LostIncidents:
    """Compares what is open with what runs. Several processes may do so at once."""

    facts: OpenIncidents
    engine: TemporalEngine

    async def run(self) -> None:
        """A round a minute; one that fails is said, and tried again."""
        await asyncio.sleep(EVERY)
        await rounds(self.sweep, every=EVERY, failed="lost_incidents.failed")

    async def sweep(self) -> None:
        """Close what is lost; alerts of it that still fire open a new incident. Raises `UpstreamUnavailable`."""
        for incident_id in await self.facts.open_incidents():
            if await self.engine.runs(incident_id):
                continue
            incident = await self.facts.incident(incident_id)
            if incident.status not in FINAL:  # it may have ended while it was asked for
                await self._close(incident)

    async def _close(self, incident: Incident) -> None:
        at = datetime.now(UTC)
        closed = TriageClosed(incident_id=incident.id, status="cancelled", at=at)
        await self.engine.tell_group(incident.group_id, closed)
        fact = IncidentClosed(
            id=f"{incident.id}-lost", incident_id=incident.id, at=at, status="cancelled", reason=REASON
        )
        await self.facts.append([fact])
        log.warning("incident.lost", incident=incident.id)
