"""Run everything the board shows."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from evals import runner
from evals.loop import with_planner
from evals.results import Outcome
from evals.scoreboard import others
from evals.scoreboard.choice import EXTRAS, Choice
from evals.scoreboard.report import Board, Section, section_of
from evals.scoreboard.scores import score_of
from evals.scoreboard.sets import IncidentSet, sets
from service.settings import Settings

Told = Callable[[str], None]
WAITING = "endurance"


async def run(choice: Choice, settings: Settings, told: Told) -> Board:
    """Everything in turn. Raises `Misconfigured` for suites or settings that cannot work."""
    sections: list[Section] = []
    with tempfile.TemporaryDirectory(prefix="triagent-scoreboard-") as scratch:
        for item in sets(choice, Path(scratch)):
            told(item.title)
            sections.append(await _incidents(item, choice, settings))
    sections += await _extras(choice, settings, told)
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


async def _extras(choice: Choice, settings: Settings, told: Told) -> list[Section]:
    """The others in turn; the one that mostly waits runs beside them."""

    async def in_turn(names: Sequence[str]) -> list[Section]:
        found: list[Section] = []
        for name in names:
            told(name)
            found.append(await _timed(name, choice, settings))
        return found

    wanted = [name for name in EXTRAS if name in choice.parts]
    busy = [name for name in wanted if name != WAITING]
    done, waited = await asyncio.gather(in_turn(busy), in_turn([name for name in wanted if name == WAITING]))
    return [*done, *waited]


async def _timed(name: str, choice: Choice, settings: Settings) -> Section:
    began = time.monotonic()
    section = await _extra(name, choice, settings)
    return section.model_copy(update={"seconds": round(time.monotonic() - began, 1)})


async def _extra(name: str, choice: Choice, settings: Settings) -> Section:
    match name:
        case "retrieval":
            return await others.retrieval(settings)
        case "safety":
            return await others.safety_suite(short=choice.short, jobs=choice.jobs)
        case "metrics":
            return await asyncio.to_thread(others.metrics_suite, short=choice.short)
        case "scripted":
            return await others.scripted(short=choice.short, jobs=choice.jobs, settings=settings)
        case _:
            return await others.endurance(settings)
