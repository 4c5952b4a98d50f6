"""Our re-implementation of BARO held against the authors' package on the same files."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from domain.model import Model
from evals.metrics import baro, original
from evals.metrics.layout import Case, suite_in, write_case
from evals.metrics.report import MethodFigures, Placed, figures
from evals.metrics.scores import place

FEW_SERVICES = 16
"""Change point detection inverts a matrix as wide as there are series, once a pair of rows: more takes hours."""


class Comparison(Model):
    """In how many cases all ranks are the same, and how the package does where it must find the moment itself."""

    cases: int
    same: int
    detecting: MethodFigures


def compare(folder: Path, found: Iterable[Case], late: int) -> Comparison:
    """Run the package, in an environment in `folder`, on the cases. Raises `UpstreamUnavailable` where it fails."""
    python = original.installed(folder)
    with tempfile.TemporaryDirectory() as suite:
        for case in found:
            write_case(case, Path(suite))
        return _compared(python, Path(suite), late)


def _compared(python: Path, suite: Path, late: int) -> Comparison:
    read = suite_in(suite)
    theirs = original.metric_ranks(python, [(_file(suite, case), case.inject_time + late) for case in read])
    pairs = zip(read, theirs, strict=True)
    small = [case for case in read if len({service for service, _ in case.columns}) <= FEW_SERVICES]
    return Comparison(
        cases=len(read),
        same=sum(baro.metric_ranks(case, case.inject_time + late) == ranks for case, ranks in pairs),
        detecting=_detecting(python, suite, small),
    )


def _detecting(python: Path, suite: Path, small: Sequence[Case]) -> MethodFigures:
    ranks = original.metric_ranks(python, [(_file(suite, case), case.inject_time) for case in small], detect=True)
    rows = (
        Placed(case.fault, place(case.service, baro.services(found)), 0.0)
        for case, found in zip(small, ranks, strict=True)
    )
    return figures(f"BARO that finds the moment, {len(small)} cases of few services", rows)


def _file(suite: Path, case: Case) -> Path:
    return suite / case.id / "data.csv"
