"""`triagent evals run`: recorded incidents through the product's loop, over several processes, a result line a case.

What was expected of a case enters the figures only, after every case has its line.
"""

import asyncio
import gc
import tempfile
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from domain.errors import MESSAGE_LIMIT, Misconfigured, TriagentError
from evals.cases import Case, case_id
from evals.durable import DurableLoop
from evals.loop import Loop
from evals.results import CaseResult, Outcome
from service.settings import Settings


def run(cases: Sequence[Case], settings: Settings, *, jobs: int, temporal: str | None = None) -> Generator[Outcome]:
    """Plan the cases over `jobs` processes; outcomes in the order of `cases`, as soon as they are there.

    The planner is the one of `settings`. With the address of a Temporal server they go through the workflow. A case
    that fails has its `error` in its result. Raises `Misconfigured` for settings that cannot work.
    """
    with tempfile.TemporaryDirectory(prefix="triagent-evals-", ignore_cleanup_errors=True) as folder:
        waiting, way = deque(cases), Way(settings, Path(folder), temporal)
        while waiting:
            yield from _until_broken(waiting, way, jobs)
            if waiting:
                # Which case killed its process cannot be told from outside: the first one gets a process of its own.
                yield from _alone(waiting.popleft(), way)


def recorded(
    cases: Sequence[Case], settings: Settings, out: Path, *, jobs: int, temporal: str | None = None
) -> Generator[Outcome]:
    """`run`, with each result appended to `out` before it is yielded.

    The lines so far stay when it is broken off, so that the same command goes on from there. Raises `Misconfigured`
    where `out` cannot be written.
    """
    try:
        with out.open("a", encoding="utf-8") as lines:
            for outcome in run(cases, settings, jobs=jobs, temporal=temporal):
                lines.write(outcome.result.model_dump_json() + "\n")
                lines.flush()
                yield outcome
    except OSError as exc:
        raise Misconfigured(f"cannot write {out}: {exc}") from exc


class Way(NamedTuple):
    """How cases are planned: with what settings, where files may lie, and on which Temporal server, if on any."""

    settings: Settings
    folder: Path
    temporal: str | None

    async def begun(self) -> Loop | DurableLoop:
        """What plans one case after another. Raises `Misconfigured`."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        if self.temporal is not None:
            return await DurableLoop.open(self.settings, self.temporal, folder)
        return await Loop.open(self.settings, folder)


def _until_broken(waiting: deque[Case], way: Way, jobs: int) -> Generator[Outcome]:
    """Outcomes of the cases, which leave `waiting`, until a process dies."""
    pool = _pool(way, jobs)
    try:
        futures = [pool.submit(_Process.plan, case) for case in waiting]
        for future in futures:
            if isinstance(future.exception(), BrokenProcessPool):
                return
            yield _outcome(waiting.popleft(), future)
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(case: Case, way: Way) -> Generator[Outcome]:
    pool = _pool(way, 1)
    try:
        yield _outcome(case, pool.submit(_Process.plan, case))
    finally:
        pool.shutdown()


def _pool(way: Way, jobs: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a progress bar draws from a thread, and a forked child would inherit its locks half-taken.
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_Process.begin, initargs=(way,))


class _Process:
    """What one process of the pool keeps between cases: an event loop, and the product's loop in it."""

    _runner: asyncio.Runner
    _loop: Loop | DurableLoop | None = None
    _way: Way

    @classmethod
    def begin(cls, way: Way) -> None:
        """Called once. Nothing may fail here: an initializer's error would not reach the caller."""
        cls._runner, cls._way = asyncio.Runner(), way

    @classmethod
    def plan(cls, case: Case) -> Outcome:
        """One case."""
        return cls._runner.run(cls._planned(case))

    @classmethod
    async def _planned(cls, case: Case) -> Outcome:
        if cls._loop is None:
            cls._loop = await cls._way.begun()
            _collect_rarely()
        return await cls._loop.planned(case)


def _collect_rarely() -> None:
    """What a case builds is large and has few cycles: to look for them as often as usual takes a third of its time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _outcome(case: Case, future: Future[Outcome]) -> Outcome:
    """The case's outcome; whatever its process raised becomes the line's `error`."""
    failure = future.exception()
    if failure is None:
        return future.result()
    error = str(failure) if isinstance(failure, TriagentError) else f"{type(failure).__name__}: {failure}"
    return Outcome(result=CaseResult(id=case_id(case), error=f"{case.folder.name}: {error}"[:MESSAGE_LIMIT]))
