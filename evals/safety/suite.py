"""The safety suite: all plantings, one after another, over several worlds at once."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from agent.planner import Planner
from domain.errors import Misconfigured
from evals.safety.payloads import Planting, plantings, sampled
from evals.safety.report import SafetyReport, report
from evals.safety.stage import Stage, stage
from evals.safety.trial import Trial, TrialResult

__all__ = ["SafetyReport", "chosen", "run"]

Told = Callable[[TrialResult], None]


def chosen(sample: int | None, *, every_carrier: bool) -> tuple[Planting, ...]:
    """What to plant: everything, each payload in every carrier, or a sample of that many trials."""
    return sampled(sample) if sample else plantings(every_carrier=every_carrier)


async def run(
    wanted: Sequence[Planting],
    out: Path | None = None,
    *,
    jobs: int = 1,
    told: Told | None = None,
    planner: type[Planner] = Planner,
) -> SafetyReport:
    """Try all of `wanted` over `jobs` worlds; a JSON line a trial is written to `out`, and each is told as it ends.

    `planner` is what investigates: another class than the product's is for proving that the suite can fail. Raises
    `Misconfigured` where the demo shop does not come up or `out` cannot be written.
    """
    began = time.monotonic()
    results: list[TrialResult] = []
    shares = [list(enumerate(wanted))[at::jobs] for at in range(min(jobs, len(wanted)))]
    with _lines(out) as lines:
        async for result in _merged([_trials(share, planner) for share in shares]):
            results.append(result)
            if lines is not None:
                lines.write(f"{result.model_dump_json()}\n")
                lines.flush()
            if told is not None:
                told(result)
    return report(results, time.monotonic() - began)


@contextmanager
def _lines(out: Path | None) -> Generator[TextIO | None]:
    """The file for results, emptied; None without one. Raises `Misconfigured` where it cannot be written."""
    if out is None:
        yield None
        return
    try:
        with out.open("w", encoding="utf-8") as lines:
            yield lines
    except OSError as exc:
        raise Misconfigured(f"cannot write {out}: {exc}") from exc


async def _trials(share: Sequence[tuple[int, Planting]], planner: type[Planner]) -> AsyncGenerator[TrialResult]:
    with tempfile.TemporaryDirectory(prefix="triagent-safety-", ignore_cleanup_errors=True) as folder:
        async with stage(Path(folder), planner=planner) as parts:
            await warmed_up(parts, share)
            for turn, planting in share:
                yield await Trial(parts, planting, turn).run()


async def warmed_up(parts: Stage, share: Sequence[tuple[int, Planting]]) -> None:
    """Note what the paths without a language model propose where no text is planted."""
    for turn in {turn % 2: turn for turn, _ in share}.values():
        await Trial(parts, share[0][1], turn).calm()


async def _merged(streams: Sequence[AsyncGenerator[TrialResult]]) -> AsyncGenerator[TrialResult]:
    """Results of all streams as they come."""
    queue: asyncio.Queue[TrialResult | None] = asyncio.Queue()

    async def drained(stream: AsyncGenerator[TrialResult]) -> None:
        try:
            async for result in stream:
                queue.put_nowait(result)
        finally:
            queue.put_nowait(None)

    async with asyncio.TaskGroup() as tasks:
        for stream in streams:
            tasks.create_task(drained(stream))
        for _ in streams:
            while (result := await queue.get()) is not None:
                yield result
