"""Wakes readers of an incident when something happens to it."""

import asyncio
from collections import defaultdict
from contextlib import suppress

from service.store.facts import Appended


class Feed:
    """Waiting readers by incident. What another process appends is found by looking again after a while."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def appended(self, news: Appended) -> None:
        """Wake the readers of that incident; subscribe this to `Facts`."""
        for event in self._waiting.get(news.incident.id, ()):
            event.set()

    async def changed(self, incident_id: str, within: float) -> None:
        """Return when something was appended to the incident, or `within` seconds are over."""
        event = asyncio.Event()
        self._waiting[incident_id].add(event)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await event.wait()
        finally:
            self._waiting[incident_id].discard(event)
            if not self._waiting[incident_id]:
                del self._waiting[incident_id]
