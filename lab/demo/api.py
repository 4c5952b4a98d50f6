"""The product's HTTP API, as far as the demo uses it: any other client would do the same."""

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter

from lab.demo.facts import Fact, IncidentClosed, read_fact

CLOSED = frozenset({"resolved", "rejected", "expired", "escalated", "cancelled", "no_action"})


class DemoError(RuntimeError):
    """Something did not happen that the demo promises; the message says what."""


class Incident(BaseModel):
    """One line of the list of incidents."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    status: str
    title: str
    opened_at: datetime

    @property
    def open(self) -> bool:
        """Whether it has not come to an end."""
        return self.status not in CLOSED


_INCIDENTS: TypeAdapter[list[Incident]] = TypeAdapter(list[Incident])


class Api:
    """A client with one identity's bearer token."""

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=10, trust_env=False
        )

    def incidents(self, *, namespace: str | None = None) -> list[Incident]:
        """The latest incidents, of one namespace or of all."""
        wanted = {"limit": 50} | ({"namespace": namespace} if namespace else {})
        answer = self._client.get("/incidents", params=wanted).raise_for_status()
        return _INCIDENTS.validate_json(answer.content)

    def facts(self, incident_id: str, *, within: float) -> Iterator[Fact]:
        """The incident's facts from the first one on, as they happen, until it is closed.

        Raises DemoError when it is not closed after `within` seconds. A connection that breaks is made again.
        """
        deadline, number = time.monotonic() + within, 0
        while time.monotonic() < deadline:
            with closing(self._stream(incident_id, after=number)) as news:
                for fact in news:
                    number = fact.number
                    yield fact
                    if isinstance(fact, IncidentClosed):
                        return
        raise DemoError(f"incident {incident_id} was not closed within {within:g} s")

    def decide(self, incident_id: str, decision: str, *, digest: str, reason: str) -> None:
        """Approve or reject the plan of that digest."""
        body = {"plan_digest": digest, "reason": reason}
        self._client.post(f"/incidents/{incident_id}/{decision}", json=body).raise_for_status()

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _stream(self, incident_id: str, *, after: int) -> Generator[Fact]:
        """One connection's worth of server-sent events; ends quietly when nothing comes for a while."""
        try:
            with self._client.stream(
                "GET", f"/incidents/{incident_id}/events", headers={"Last-Event-ID": str(after)}, timeout=5
            ) as events:
                events.raise_for_status()
                for line in events.iter_lines():
                    if line.startswith("data:"):
                        yield read_fact(line.removeprefix("data:"))
        except (httpx.ReadTimeout, httpx.RemoteProtocolError):
            return
