"""Unauthorised attempts in the audit log, without letting a flood of them fill the disk.

The first attempt of a kind (status and address) is written at once. Equal ones within a minute are counted and
written as one entry with their count when the minute is over. Past a number of addresses the rest are counted together.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from service.rounds import rounds
from service.store.audit import AuditEvent, AuditLog

WINDOW = 60.0
"""Seconds for which equal attempts are counted together."""
ADDRESSES = 100
"""Kinds of attempt told apart in one window."""
MANY = "many addresses"


class _Kind(NamedTuple):
    status: str
    ip: str
    target: str


class RefusedAttempts:
    """Records attempts with no token or an unknown one."""

    def __init__(self, log: AuditLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._counts: dict[_Kind, int] = {}
        """Attempts not written yet; a kind with none was written at once in this window."""
        self._writing = asyncio.Lock()
        self._window_ends = 0.0

    async def record(self, status: str, ip: str, target: str) -> None:
        """Note one attempt; `status` is `missing_token` or `invalid_token`. Raises what the database raises."""
        if self._clock() >= self._window_ends:
            self._window_ends = self._clock() + WINDOW
            await self.flush()
        kind = _Kind(status, ip, target)
        if kind not in self._counts and len(self._counts) >= ADDRESSES:
            kind = _Kind(status, MANY, "")
        known = kind in self._counts
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if not known:
            await self._write(kind)

    async def flush(self) -> None:
        """Write what was counted; also to be called at the end. What cannot be written stays counted."""
        for kind in list(self._counts):
            await self._write(kind)
            if not self._counts.get(kind):
                self._counts.pop(kind, None)

    async def run(self) -> None:
        """Flush when a window is over, until cancelled."""
        await rounds(self._flush_in_time, every=WINDOW, failed="refusals.not_written")

    async def _flush_in_time(self) -> None:
        if self._clock() >= self._window_ends:
            await self.flush()

    async def _write(self, kind: _Kind) -> None:
        async with self._writing:
            count = self._counts.get(kind, 0)
            if count:
                await self._log.record(_event(kind, count))
                self._counts[kind] -= count


def _event(kind: _Kind, count: int) -> AuditEvent:
    return AuditEvent(
        actor="anonymous", action="authenticate", target=kind.target, result=kind.status, ip=kind.ip, count=count
    )
