"""One recorded incident through the product's own loop: its tools over replayed systems, its planner, its plan.

What a service does with an alert happens here without workflow and database: backlog, investigation, grounding, plan.
The incident is looked at from the moment it was recorded. What was expected of it is not read.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from agent.investigation import Brief, Investigation
from agent.offline.model import OFFLINE
from agent.planner import Planner
from domain.alerts import AlertGroup, Webhook
from domain.errors import Misconfigured
from domain.evidence import unsupported
from domain.learning import BacklogItem, Pattern, query_about
from evals.cases import Case, first_problem
from evals.recordings import Recording, read
from evals.replay.prometheus import Commands, find_commands
from evals.replay.site import ReplayedSite, replayed
from evals.results import CaseResult, NamedCause, Outcome
from knowledge.assembly import IndexOptions, open_index
from knowledge.library import Knowledge
from service.composition import open_sources, planner_options
from service.setting_groups import PlannerSettings
from service.settings import Settings
from service.site_files import load_site_files
from service.upstreams import open_upstreams
from tools.artifacts import MemoryArtifacts

DROPPED_CLAIM = "dropped: claim "
"""How a diagnosis notes a claim that did not stand on its evidence."""


class EmptyBacklog:
    """A backlog that stays empty: what one case teaches must not help the next."""

    async def patterns(self) -> tuple[Pattern, ...]:
        """None."""
        return ()

    async def save_pattern(self, pattern: Pattern) -> None:
        """Forget it."""

    async def items(self) -> tuple[BacklogItem, ...]:
        """None."""
        return ()

    async def item(self, incident_id: str) -> BacklogItem | None:
        """None."""
        return None

    async def save_item(self, item: BacklogItem) -> None:
        """Forget it."""


class Loop:
    """Plans one case after another. Everything that does not depend on the case is kept between them."""

    def __init__(self, settings: Settings, knowledge: Knowledge, commands: Commands) -> None:
        self._settings = settings
        self._knowledge = knowledge
        self._commands = commands

    @classmethod
    async def open(cls, settings: Settings, folder: Path) -> Self:
        """A loop whose index of the shipped and the site's documents is in `folder`. Raises `Misconfigured`."""
        commands = find_commands(settings.cache)
        index = open_index(IndexOptions(path=folder, model=settings.embeddings.model))
        knowledge = Knowledge(index, EmptyBacklog(), settings.knowledge.sources)
        await knowledge.refresh()
        return cls(settings, knowledge, commands)

    async def close(self) -> None:
        """Release the index."""
        await self._knowledge.close()

    async def planned(self, case: Case) -> Outcome:
        """Diagnose a case and plan for it. Raises `Misconfigured` for one that cannot be read or replayed."""
        recording = recording_of(case.folder)
        group = group_of(recording)
        began = time.perf_counter()
        async with replayed(recording, case.signals_file, self._commands) as site, self._planner(site) as planner:
            ready = time.perf_counter()
            found = await self._knowledge.lookup(query_about(group, recording.taken_at))
            brief = Brief.about(group, recording.id, recording.taken_at, found.matches)
            investigation = await planner.investigate(brief)
            ended = time.perf_counter()
        return outcome_of(recording.id, investigation, seconds=ended - ready, start_seconds=ready - began)

    @asynccontextmanager
    async def _planner(self, site: ReplayedSite) -> AsyncGenerator[Planner]:
        """The configured planner over a replayed site."""
        settings = site.settings(self._settings)
        files, artifacts = load_site_files(settings), MemoryArtifacts()
        upstreams = open_upstreams(settings, artifacts)
        sources = open_sources(files, upstreams, artifacts)
        planner = Planner(sources, self._knowledge, planner_options(settings), files.policy, files.objectives)
        try:
            yield planner
        finally:
            await planner.close()
            await upstreams.close()


def with_planner(settings: Settings, model: str) -> Settings:
    """`settings` with that model as the planner. Raises `Misconfigured` for one that they do not suffice for."""
    kept = settings.planner.model_dump()
    if model == OFFLINE:
        kept |= {"base_url": "", "api_key": None}
    try:
        planner = PlannerSettings.model_validate({**kept, "model": model})
    except ValidationError as exc:
        raise Misconfigured(f"--planner {model}: {exc.errors()[0]['msg']}") from exc
    return settings.model_copy(update={"planner": planner})


def recording_of(folder: Path) -> Recording:
    """The case's files. Raises `Misconfigured` naming the folder for what is no case."""
    try:
        recording = read(folder)
        group_of(recording)
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError) as exc:
        reason = first_problem(exc) if isinstance(exc, ValidationError) else repr(exc)
        raise Misconfigured(f"{folder} is no recorded incident: {reason}") from exc
    return recording


def group_of(recording: Recording) -> AlertGroup:
    """The alerts of the case's webhook. Raises `ValidationError`."""
    webhook = Webhook.model_validate(recording.webhook)
    return AlertGroup(group_id=webhook.group_id, alerts=webhook.alerts)


def outcome_of(case: str, investigation: Investigation, *, seconds: float, start_seconds: float) -> Outcome:
    """An investigation as a result line."""
    causes = investigation.diagnosis.causes
    evidence = {item.id: item for item in investigation.evidence}
    claims = tuple(claim for cause in causes for claim in cause.claims)
    dropped = sum(note.startswith(DROPPED_CLAIM) for note in investigation.diagnosis.notes)
    usage = investigation.usage
    result = CaseResult(
        id=case,
        causes=tuple(
            NamedCause(cause=item.cause, object=str(item.object), confidence=item.confidence) for item in causes
        ),
        claims=claims,
        plan=investigation.draft,
        tool_calls=usage.tool_calls,
        tokens=usage.input_tokens + usage.output_tokens,
        seconds=round(seconds, 4),
    )
    return Outcome(
        result=result,
        claims_made=len(claims) + dropped,
        claims_verified=sum(unsupported(claim, evidence) is None for claim in claims),
        start_seconds=round(start_seconds, 4),
        fell_back=investigation.fell_back,
        usage=usage,
    )
