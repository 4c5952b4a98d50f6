"""`triagent evals run`: recorded incidents through the product's loop, over several processes, a result line a case.

What was expected of a case enters the figures only, after every case has its line.
"""

import asyncio
import tempfile
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from domain.errors import MESSAGE_LIMIT, Misconfigured, TriagentError
from evals.cases import Case, case_id
from evals.loop import Loop
from evals.results import CaseResult, Outcome
from service.settings import Settings


def run(cases: Sequence[Case], settings: Settings, *, jobs: int) -> Generator[Outcome]:
    """Plan the cases over `jobs` processes; outcomes in the order of `cases`, as soon as they are there.

    The planner is the one of `settings`. A case that fails has its `error` in its result. Raises `Misconfigured` for
    settings that cannot work.
    """
    with tempfile.TemporaryDirectory(prefix="triagent-evals-") as folder:
        waiting = deque(cases)
        while waiting:
            yield from _until_broken(waiting, settings, Path(folder), jobs)
            if waiting:
                # Which case killed its process cannot be told from outside: the first one gets a process of its own.
                yield from _alone(waiting.popleft(), settings, Path(folder))


def recorded(cases: Sequence[Case], settings: Settings, out: Path, *, jobs: int) -> Generator[Outcome]:
    """`run`, with each result appended to `out` before it is yielded.

    The lines so far stay when it is broken off, so that the same command goes on from there. Raises `Misconfigured`
    where `out` cannot be written.
    """
    try:
        with out.open("a", encoding="utf-8") as lines:
            for outcome in run(cases, settings, jobs=jobs):
                lines.write(outcome.result.model_dump_json() + "\n")
                lines.flush()
                yield outcome
    except OSError as exc:
        raise Misconfigured(f"cannot write {out}: {exc}") from exc


def _until_broken(waiting: deque[Case], settings: Settings, folder: Path, jobs: int) -> Generator[Outcome]:
    """Outcomes of the cases, which leave `waiting`, until a process dies."""
    pool = _pool(settings, folder, jobs)
    try:
        futures = [pool.submit(_Process.plan, case) for case in waiting]
        for future in futures:
            if isinstance(future.exception(), BrokenProcessPool):
                return
            yield _outcome(waiting.popleft(), future)
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(case: Case, settings: Settings, folder: Path) -> Generator[Outcome]:
    pool = _pool(settings, folder, 1)
    try:
        yield _outcome(case, pool.submit(_Process.plan, case))
    finally:
        pool.shutdown()


def _pool(settings: Settings, folder: Path, jobs: int) -> ProcessPoolExecutor:
    # Spawned, not forked: a progress bar draws from a thread, and a forked child would inherit its locks half-taken.
    return ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_Process.begin, initargs=(settings, folder)
    )


class _Process:
    """What one process of the pool keeps between cases: an event loop, and the product's loop in it."""

    _runner: asyncio.Runner
    _loop: Loop | None = None
    _settings: Settings
    _folder: Path

    @classmethod
    def begin(cls, settings: Settings, folder: Path) -> None:
        """Called once. Nothing may fail here: an initializer's error would not reach the caller."""
        cls._runner, cls._settings, cls._folder = asyncio.Runner(), settings, folder

    @classmethod
    def plan(cls, case: Case) -> Outcome:
        """One case."""
        return cls._runner.run(cls._planned(case))

    @classmethod
    async def _planned(cls, case: Case) -> Outcome:
        if cls._loop is None:
            cls._loop = await Loop.open(cls._settings, Path(tempfile.mkdtemp(dir=cls._folder)))
        return await cls._loop.planned(case)


def _outcome(case: Case, future: Future[Outcome]) -> Outcome:
    """The case's outcome; whatever its process raised becomes the line's `error`."""
    failure = future.exception()
    if failure is None:
        return future.result()
    error = str(failure) if isinstance(failure, TriagentError) else f"{type(failure).__name__}: {failure}"
    return Outcome(result=CaseResult(id=case_id(case), error=f"{case.folder.name}: {error}"[:MESSAGE_LIMIT]))
