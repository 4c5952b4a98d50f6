"""What activities need from the service's database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.facts import Fact
from domain.incidents import Incident


class Incidents(Protocol):
    """What is known of incidents."""

    async def incident(self, incident_id: str) -> Incident:
        """The projection. Raises `NotFound`."""
        ...


class FactStore(Incidents, Protocol):
    """The append-only log of facts and the incident projection built from it in the same transaction."""

    async def append(self, facts: Sequence[Fact]) -> None:
        """Append in order; a fact whose id is already there is skipped, so that a retried append changes nothing."""
        ...

    async def recent_incidents(
        self,
        closed_since: datetime,
        *,
        cause: str,
        object: str,  # noqa: A002 - as the API calls it
    ) -> tuple[Incident, ...]:
        """Incidents with that first cause, in any namespace, that are open or were closed since then, oldest first.

        `object` is `kind/name`.
        """
        ...
