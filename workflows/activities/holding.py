"""What a plan is held to: the checks that it needs, without objectives that nobody set and nothing measures."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from domain.checks import AlertsClearedCheck, Check, SignalCheck, describe_check
from domain.errors import TriagentError
from domain.model import Timestamp
from domain.objectives import Objectives
from domain.plans import PlanDraft, held_to
from domain.signals import SignalCatalogue
from tools.alertmanager.read import AlertmanagerReader
from tools.prometheus.read import PrometheusReader
from workflows.activities.verification import listed_by
from workflows.ports import Incidents

MEASURED_WITHIN = timedelta(hours=1)
"""A signal without a value for so long is not expected back when a fix holds."""


@dataclass(frozen=True)
class HeldTo:
    """A plan's checks; `notes` say for a reviewer which objectives are not among them, and why."""

    checks: tuple[Check, ...]
    notes: tuple[str, ...]


class Holding:
    """Settles the checks of a plan that is being prepared."""

    def __init__(
        self,
        *,
        incidents: Incidents,
        objectives: Objectives,
        signals: SignalCatalogue,
        window: str,
        prometheus: PrometheusReader | None,
        alertmanager: AlertmanagerReader | None,
    ) -> None:
        self._incidents = incidents
        self._objectives = objectives
        self._signals = signals
        self._window = window
        self._prometheus = prometheus
        self._alertmanager = alertmanager

    async def of(self, incident_id: str, draft: PlanDraft, at: Timestamp) -> HeldTo:
        """The checks of the incident's next plan, made of `draft` at that time. Raises `NotFound`."""
        incident = await self._incidents.incident(incident_id)
        checks = [
            await self._noting_listed(check) if isinstance(check, AlertsClearedCheck) else check
            for check in held_to(draft, incident.alerts, incident.plan)
        ]
        reasons = await asyncio.gather(*(self._left_out(check, at) for check in checks))
        return HeldTo(
            checks=tuple(check for check, reason in zip(checks, reasons, strict=True) if reason is None),
            notes=tuple(
                f"Not held to {describe_check(check)}: {reason}."
                for check, reason in zip(checks, reasons, strict=True)
                if reason is not None
            ),
        )

    async def _noting_listed(self, check: AlertsClearedCheck) -> AlertsClearedCheck:
        """With those of its alerts that Alertmanager lists; where it cannot be asked, their sender must clear them."""
        listed: frozenset[str] = frozenset()
        if self._alertmanager is not None:
            with suppress(TriagentError):
                listed = await listed_by(self._alertmanager)
        return check.model_copy(update={"listed": tuple(name for name in check.fingerprints if name in listed)})

    async def _left_out(self, check: Check, at: Timestamp) -> str | None:
        """Why a default objective cannot be held to; None for every other check, and where that cannot be read."""
        if not isinstance(check, SignalCheck) or not self._objectives.is_default(check):
            return None
        if self._prometheus is None:
            return "Prometheus is not configured"
        query = self._signals.render(
            check.signal, namespace=check.namespace, service=check.service, window=self._window
        )
        try:
            series = (await self._prometheus.range(query, at - MEASURED_WITHIN, at)).value
        except TriagentError:
            return None
        return None if any(item.points for item in series) else "nothing measured it within the last hour"
