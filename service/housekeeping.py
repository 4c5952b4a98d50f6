"""Drops what has been kept long enough, a little at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from service.rounds import rounds
from service.setting_groups import RetentionSettings
from service.store.artifacts import ArtifactStore
from service.store.audit import AuditLog
from service.store.facts import Facts

log = structlog.get_logger(__name__)

EVERY = 3600.0
"""Seconds between two rounds."""
BATCH = 200
"""Rows a transaction: the one writer of an embedded database must not be kept from alerts."""
PAUSE = 0.05
"""Seconds between two transactions, for others to write in."""


@dataclass(frozen=True)
class Housekeeper:
    """Keeps to the retention settings. Several processes may do so at once."""

    settings: RetentionSettings
    facts: Facts
    artifacts: ArtifactStore
    audit: AuditLog

    async def run(self) -> None:
        """A round now and every hour; one that fails is said, and tried again."""
        await rounds(lambda: self.sweep(datetime.now(UTC)), every=EVERY, failed="retention.failed")

    async def sweep(self, now: datetime) -> None:
        """Drop all that is too old at `now`. Raises what the database raises; what was dropped stays dropped."""
        keep = self.settings
        if keep.incidents:
            _say("incidents", await _emptied(self.facts.forget, now - timedelta(days=keep.incidents)))
        if keep.artifacts:
            _say("artifacts", await _emptied(self.artifacts.forget, now - timedelta(days=keep.artifacts)))
        if keep.audit:
            # All in one transaction: one entry of the log itself speaks for it.
            _say("audit", await self.audit.prune(now - timedelta(days=keep.audit)))


def _say(what: str, dropped: int) -> None:
    if dropped:
        log.info("retention.dropped", what=what, count=dropped)


async def _emptied(forget: Callable[[datetime, int], Awaitable[int]], before: datetime) -> int:
    total = 0
    while dropped := await forget(before, BATCH):
        total += dropped
        await asyncio.sleep(PAUSE)
    return total
