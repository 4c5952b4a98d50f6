"""The port through which the API reaches the workflows. The Temporal adapter is in `service.temporal`."""

from typing import Protocol

from domain.approvals import Decision
from workflows.messages import AlertBatch, DecisionReceipt

__all__ = ["AlertBatch", "DecisionReceipt", "Engine"]


class Engine(Protocol):
    """Durable execution. Every method raises `UpstreamUnavailable` while Temporal cannot be reached."""

    async def deliver(self, batch: AlertBatch) -> None:
        """Signal-with-start the group's correlation workflow. Raises `UpstreamError` if Temporal refuses this batch."""
        ...

    async def decide(self, incident_id: str, decision: Decision) -> DecisionReceipt:
        """Hand a human decision to the incident's workflow and wait for its answer.

        Raises `StaleDigest`, `AlreadyDecided`, `ApprovalExpired`, `Forbidden`, `InvalidPlan` (a modification that may
        not be asked for), or `NotFound` (no such incident is open).
        """
        ...

    async def ready(self) -> None:
        """Return if the server answers."""
        ...
