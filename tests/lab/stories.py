"""Incidents that are lived through while parts of the product die: a broken release, its alert, the approved undo."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import httpx

from lab.demo.api import CLOSED
from tests.lab.deployed import Deployed
from tests.lab.drift_cases import NAME, Hands
from tests.lab.product import POLL, Incident, fingerprint
from tests.lab.real import ControlPlane

STORY_S = 240
Answer = TypeVar("Answer")


async def insisting(call: Callable[[], Awaitable[Answer]], *, within: float = 120) -> Answer:
    """Call until it works: a sender or a person who tries again while the API is away or says 5xx."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        try:
            return await call()
        except (httpx.TransportError, httpx.HTTPStatusError) as exc:
            refused = isinstance(exc, httpx.HTTPStatusError) and exc.response.status_code < 500
            if refused or asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(POLL)


@dataclass
class Story:
    """One incident in a namespace of its own."""

    namespace: str
    product: Deployed
    hands: Hands
    plane: ControlPlane
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def live(self) -> Incident:
        """From the broken release to the end; whoever answers 5xx, or not at all, is asked again."""
        await self.break_it()
        await self.alert()
        await self.approve()
        await self.until({"verifying", *CLOSED})
        await self.calm()
        return await self.until(CLOSED)

    async def break_it(self, **spec: object) -> None:
        """A release whose image was never pushed; `spec` is more of the Deployment's."""
        await asyncio.to_thread(self.hands.identities.bind, self.namespace)
        await self.hands.broken_release(self.namespace, **spec)

    async def alert(self, status: str = "firing") -> None:
        """Tell the product."""
        async with self.product.service() as service:
            await insisting(lambda: service.alert(self.namespace, NAME, started=self.began, status=status))

    async def calm(self) -> None:
        """The alert stops."""
        await self.alert("resolved")

    async def approve(self) -> None:
        """Approve the plan once it is there; one that was decided meanwhile, by an answer that got lost, is left."""
        asked = await self.until({"awaiting_approval", "executing", "verifying", *CLOSED})
        if asked["status"] != "awaiting_approval":
            return
        body = {"plan_digest": asked["plan"]["digest"], "reason": "by the test"}
        path = f"/incidents/{asked['id']}/approve"

        async def decide() -> int:
            async with self.product.client() as http:
                answer = await http.post(path, json=body)
            if answer.status_code >= 500:
                answer.raise_for_status()
            return answer.status_code

        assert await insisting(decide) in {200, 409}

    async def until(self, statuses: set[str], *, within: float = STORY_S) -> Incident:
        """The incident once its status is one of these."""
        async with self.product.service() as service:
            deadline = asyncio.get_running_loop().time() + within
            while True:
                incident = await insisting(lambda: service.incident(self.namespace))
                if incident and incident["status"] in statuses:
                    return incident
                status = incident.get("status", "no incident")
                assert asyncio.get_running_loop().time() < deadline, f"{self.namespace}: still {status}"
                await asyncio.sleep(POLL)

    async def status(self) -> str:
        """Of the incident now; empty while there is none."""
        async with self.product.service() as service:
            return (await service.incident(self.namespace)).get("status", "")

    async def incidents(self) -> int:
        """How many incidents the alert has made."""
        async with self.product.client() as http:
            params = {"fingerprint": fingerprint(self.namespace, NAME)}
            return len((await http.get("/incidents", params=params)).raise_for_status().json())

    def writes(self) -> int:
        """How often the product changed something here, by the API server's own log."""
        return sum(event.object.namespace == self.namespace for event in self.plane.writes_of_the_product(0))


def fact_times(incident: Incident) -> list[float]:
    """When its facts were stated, in seconds since the epoch."""
    return [datetime.fromisoformat(fact["at"]).timestamp() for fact in incident["facts"]]
