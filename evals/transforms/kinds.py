"""The kinds of transformation, and a whole suite through one of them."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from domain.errors import Misconfigured
from domain.model import Model
from evals.recordings import Recording, copy_catalogue, folders_of, read, write
from evals.transforms.blinding import without_events, without_logs, without_manifests, without_metrics
from evals.transforms.mending import NotMended, mended
from evals.transforms.merging import merged, pairs
from evals.transforms.pool import Pool
from evals.transforms.renaming import Renaming, vocabulary


class Kind(StrEnum):
    """What is done to a suite."""

    RENAMED = "renamed"
    WITHOUT_LOGS = "without-logs"
    WITHOUT_METRICS = "without-metrics"
    WITHOUT_EVENTS = "without-events"
    WITHOUT_MANIFESTS = "without-manifests"
    HEALTHY = "healthy"
    TWO_FAULTS = "two-faults"


class Skipped(Model):
    """A case that the transformation has no result for."""

    case: str
    reason: str


class Transformed(Model):
    """What became of a suite."""

    written: int
    skipped: tuple[Skipped, ...] = ()


BLINDED: dict[Kind, Callable[[Recording], Recording]] = {
    Kind.WITHOUT_LOGS: without_logs,
    Kind.WITHOUT_METRICS: without_metrics,
    Kind.WITHOUT_EVENTS: without_events,
    Kind.WITHOUT_MANIFESTS: without_manifests,
}


def transform(suite: Path, kind: Kind, out: Path, *, seed: int = 1, most: int | None = None) -> Transformed:
    """Write `suite`, or its first `most` results, transformed into `out`.

    The same arguments give the same bytes. A case that cannot be read or transformed is named with its reason. Raises
    `Misconfigured` where there is no suite, or where `out` has cases already.
    """
    folders = folders_of(suite)
    if not folders:
        raise Misconfigured(f"{suite} is no suite: no folder in it has a case.json")
    if folders_of(out):
        raise Misconfigured(f"{out} has cases already; choose an empty folder")
    copy_catalogue(suite, out)
    written, skipped = 0, list[Skipped]()
    for result in islice(_results(folders, kind, seed, skipped), most):
        write(result, out)
        written += 1
    return Transformed(written=written, skipped=tuple(skipped))


def _results(folders: tuple[Path, ...], kind: Kind, seed: int, skipped: list[Skipped]) -> Iterator[Recording]:
    readable = tuple(folder for folder in folders if _readable(folder, skipped))
    if kind in BLINDED:
        return (BLINDED[kind](read(folder)) for folder in readable)
    if kind is Kind.RENAMED:
        renaming = Renaming(vocabulary(map(read, readable), seed))
        return (renaming.case(read(folder)) for folder in readable)
    pool = Pool(readable, seed=seed)
    return _mended(pool, skipped) if kind is Kind.HEALTHY else _merged(pool)


def _readable(folder: Path, skipped: list[Skipped]) -> bool:
    try:
        read(folder)
    except (Misconfigured, ValidationError) as exc:
        skipped.append(Skipped(case=folder.name, reason=str(exc)))
        return False
    return True


def _mended(pool: Pool, skipped: list[Skipped]) -> Iterator[Recording]:
    for target in pool.shuffled():
        try:
            yield mended(target, pool)
        except NotMended as exc:
            skipped.append(Skipped(case=target.folder.name, reason=str(exc)))


def _merged(pool: Pool) -> Iterator[Recording]:
    for first, second in pairs(pool):
        result = merged(pool.read(first.folder), pool.read(second.folder), second.application)
        if result is not None:
            yield result
