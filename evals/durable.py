"""Recorded incidents through the real workflow: from their alerts to the plan that waits for approval.

The service's own worker runs `IncidentTriage` on a Temporal dev server over the replayed systems; each case has a
database of its own. Nothing is approved, so nothing is carried out; the workflow ends when its plan stands.
"""

import asyncio
import time
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Self

from pydantic import SecretStr
from temporalio.service import RPCError

from agent.investigation import Investigation, Usage
from agent.offline.model import OFFLINE
from domain.alerts import AlertGroup
from domain.diagnosis import Diagnosis
from domain.errors import Misconfigured, NotFound, UpstreamUnavailable
from domain.facts import EvidenceCollected
from domain.incidents import Incident
from domain.plans import Plan, PlanDraft
from evals.cases import Case
from evals.loop import group_of, outcome_of, recording_of
from evals.recordings import Recording
from evals.replay.prometheus import Commands, find_commands
from evals.replay.site import ReplayedSite, replayed
from evals.results import Outcome
from service.composition import Composition, compose
from service.embedded import dev_server
from service.setting_groups import DatabaseSettings, QdrantSettings, TemporalSettings
from service.settings import Settings
from service.store.schema import upgrade
from service.worker import build_worker
from workflows.messages import TriageInput
from workflows.triage import IncidentTriage

LONGEST = 180.0
"""Seconds until a triage must have come to its plan, or to its end."""
PAUSE = 0.1
"""Seconds between two looks at the incident."""


@contextmanager
def temporal_server(settings: Settings, folder: Path) -> Generator[str]:
    """A dev server that keeps its files in `folder`; gives its address.

    Raises `Misconfigured` for a language model, whose spending no fact tells, and as `dev_server` does.
    """
    if settings.planner.model != OFFLINE:
        raise Misconfigured("--temporal goes with --planner offline: incidents do not say what a model spent")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        server = dev_server(folder, settings.cache, namespace=settings.temporal.namespace)
        address = runner.run(stack.enter_async_context(server))
        try:
            yield address
        finally:
            runner.run(stack.aclose())


class DurableLoop:
    """Triages one case after another on the Temporal server at `address`. `folder` holds what the cases leave."""

    def __init__(self, settings: Settings, address: str, folder: Path, commands: Commands) -> None:
        self._settings = settings
        self._address = address
        self._folder = folder
        self._commands = commands

    @classmethod
    async def open(cls, settings: Settings, address: str, folder: Path) -> Self:
        """A loop with the configured planner. Raises `Misconfigured`."""
        return cls(settings, address, folder, find_commands(settings.cache))

    async def planned(self, case: Case) -> Outcome:
        """Triage a case up to its plan. Raises `Misconfigured` for one that cannot be read or replayed."""
        recording = recording_of(case.folder)
        group = group_of(recording)
        began = time.perf_counter()
        async with replayed(recording, case.signals_file, self._commands) as site:
            parts = compose(self._settings_for(site, recording.id), self._address)
            try:
                await upgrade(parts.database)
                await parts.knowledge.refresh()
                ready = time.perf_counter()
                incident = await self._triaged(parts, recording, group)
                steps = await _steps(parts, recording.id)
                ended = time.perf_counter()
            finally:
                await parts.close()
        outcome = outcome_of(
            recording.id, _investigation(incident, steps), seconds=ended - ready, start_seconds=ready - began
        )
        return outcome.model_copy(update={"status": incident.status})

    def _settings_for(self, site: ReplayedSite, case: str) -> Settings:
        database = f"sqlite:///{self._folder}/{case}.db"
        return site.reviewing(self._settings).model_copy(
            update={
                "temporal": TemporalSettings(address=self._address, namespace=self._settings.temporal.namespace),
                "database": DatabaseSettings(url=SecretStr(database)),
                "qdrant": QdrantSettings(path=self._folder / "index"),
            }
        )

    async def _triaged(self, parts: Composition, recording: Recording, group: AlertGroup) -> Incident:
        """Run the workflow until its incident waits for people, or has ended. Raises `UpstreamUnavailable`."""
        client = await parts.engine.client()
        queue = f"recorded-{recording.id}"
        request = TriageInput(
            incident_id=recording.id, group_id=group.group_id, alerts=group.alerts, at=recording.taken_at
        )
        async with build_worker(client, parts.planner, parts.activities, task_queue=queue):
            try:
                handle = await client.start_workflow(IncidentTriage.run, request, id=queue, task_queue=queue)
                incident = await _settled(parts, recording.id)
                if incident.status == "awaiting_approval":
                    await handle.terminate("a recorded incident is not acted upon")
            except RPCError as exc:
                raise UpstreamUnavailable("temporal", str(exc)) from exc
        return incident


async def _settled(parts: Composition, incident_id: str) -> Incident:
    try:
        async with asyncio.timeout(LONGEST):
            while True:
                try:
                    incident = await parts.facts.incident(incident_id)
                except NotFound:  # its first fact is not there yet
                    incident = None
                if incident is not None and incident.status != "triaging":
                    return incident
                await asyncio.sleep(PAUSE)
    except TimeoutError as exc:
        raise UpstreamUnavailable("temporal", f"no plan within {LONGEST:g} s") from exc


async def _steps(parts: Composition, incident_id: str) -> int:
    """How many tool calls the incident's facts tell of."""
    history = await parts.facts.history(incident_id)
    return sum(isinstance(item.fact, EvidenceCollected) for item in history)


def _investigation(incident: Incident, steps: int) -> Investigation:
    diagnosis = incident.diagnosis or Diagnosis(summary="none", confidence=0.0, planner=OFFLINE)
    return Investigation(
        diagnosis=diagnosis,
        draft=_draft(incident.plan) if incident.plan else None,
        evidence=incident.evidence,
        planner=diagnosis.planner,
        usage=Usage(tool_calls=steps),
    )


def _draft(plan: Plan) -> PlanDraft:
    return PlanDraft(actions=tuple(item.action for item in plan.actions), checks=plan.checks, rationale=plan.rationale)
