"""Run everything the board shows."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from evals import runner
from evals.loop import with_planner
from evals.results import Outcome
from evals.scoreboard import others
from evals.scoreboard.choice import Choice
from evals.scoreboard.report import Board, Section, section_of
from evals.scoreboard.scores import score_of
from evals.scoreboard.sets import IncidentSet, sets
from service.settings import Settings

Told = Callable[[str], None]


async def run(choice: Choice, settings: Settings, told: Told) -> Board:
    """Everything in turn. Raises `Misconfigured` for suites or settings that cannot work."""
    sections: list[Section] = []
    with tempfile.TemporaryDirectory(prefix="triagent-scoreboard-") as scratch:
        found = sets(choice.suites, Path(scratch), short=choice.short, transformed=choice.transformed)
        for item in found:
            told(item.title)
            sections.append(await _incidents(item, choice, settings))
    for name in choice.extras:
        told(name)
        sections.append(await _timed(name, choice, settings))
    return Board(short=choice.short, planner=choice.planner, sections=tuple(sections))


async def _incidents(item: IncidentSet, choice: Choice, settings: Settings) -> Section:
    began = time.monotonic()
    cases = item.cases()
    outcomes: Sequence[Outcome] = tuple(
        runner.run(cases, with_planner(settings, choice.planner), jobs=choice.jobs),
    )
    scores = [score_of(case, outcome) for case, outcome in zip(cases, outcomes, strict=True)]
    section = await section_of(item.name, item.title, [score for score in scores if score is not None])
    return section.model_copy(update={"seconds": round(time.monotonic() - began, 1)})


async def _timed(name: str, choice: Choice, settings: Settings) -> Section:
    began = time.monotonic()
    section = await _extra(name, choice, settings)
    return section.model_copy(update={"seconds": round(time.monotonic() - began, 1)})


async def _extra(name: str, choice: Choice, settings: Settings) -> Section:
    match name:
        case "retrieval":
            return await others.retrieval(settings)
        case "safety":
            return await others.safety_suite(short=choice.short)
        case "metrics":
            return others.metrics_suite(short=choice.short)
        case _:
            return await others.endurance(settings)
