"""One collection's reads: each has a time limit, and each failure becomes a blindspot with its evidence."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from agent.looks import Look, clipped
from domain.diagnosis import Blindspot
from domain.errors import TriagentError
from domain.evidence import Evidence, EvidenceKind, evidence_id
from tools.reading import Reading

T = TypeVar("T")
SECONDS_PER_READ = 12.0
SECONDS_FOR_ALL = 25.0
"""For what is read kind by kind, and is what everything else stands on."""
PARALLEL_READS = 16
REASON_LIMIT = 512


@dataclass
class Reads:
    """Collects failures while a situation is being built."""

    at: datetime
    blindspots: list[Blindspot] = field(default_factory=list[Blindspot])
    unavailable: list[Evidence] = field(default_factory=list[Evidence])
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARALLEL_READS))

    async def attempt(
        self,
        kind: EvidenceKind,
        source: str,
        question: str,
        read: Awaitable[Reading[T] | None],
        *,
        seconds: float = SECONDS_PER_READ,
    ) -> Reading[T] | None:
        """The reading, or None and a blindspot. `question` says in a few words what would have been learnt."""
        try:
            async with self._slots, asyncio.timeout(seconds):
                return await read
        except TimeoutError:
            self.failed(kind, source, question, f"no answer within {seconds:g} s", passing=True)
        except TriagentError as exc:
            self.failed(kind, source, question, str(exc), passing=exc.retryable)
        return None

    def failed(self, kind: EvidenceKind, source: str, question: str, reason: str, *, passing: bool = False) -> None:
        """Note that a question could not be answered, once per question. `passing`: it may be, later."""
        words = " ".join(reason.split())[:REASON_LIMIT]
        if any(item.source == source and item.reason == words for item in self.blindspots):
            return
        self.blindspots.append(Blindspot(source=source, reason=words, passing=passing))
        self.unavailable.append(
            Evidence(
                id=evidence_id(source, question, ""),
                kind=kind,
                source=source,
                query=question,
                summary=f"unavailable: {words}",
                digest="",
                collected_at=self.at,
                unavailable=words,
                passing=passing,
            )
        )

    def missing(self, source: str) -> None:
        """Note that a source is not configured."""
        self.blindspots.append(Blindspot(source=source, reason="not configured"))


def look_at(kind: EvidenceKind, source: str, reading: Reading[T], summary: str, suffix: str = "") -> Look:
    """The look behind a reading. `suffix` tells two looks into one reading apart."""
    return Look(kind, source, clipped(reading.query + suffix, 4000), reading.digest, reading.at, summary)
