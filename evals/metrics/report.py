"""Ours beside BARO's on the same cases: `run` makes the figures, `tables` shows them."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from domain.model import Model
from evals.metrics import baro, ours
from evals.metrics.generator import cases
from evals.metrics.layout import Case, suite_in
from evals.metrics.scores import Accuracy, accuracy, place

ALL = "all"
CASES = 48
SEED = 1_000
"""Not one of the seeds that the ranking was tried on while it was written."""

PUBLISHED = {ALL: 0.80, "delay": 0.63, "loss": 0.64}
"""BARO's Avg@5 on RE2-TT, a real train ticket system: what made-up cases should be about as hard as."""

Ranking = Callable[[Case, int], list[str]]
"""Services, most suspicious first, of a case whose trouble was noticed at that Unix second."""

METHODS: dict[str, Ranking] = {
    "BARO": baro.service_ranks,
    "triagent, calls unknown": lambda case, at: ours.service_ranks(case, at, calls=False),
    "triagent": ours.service_ranks,
}


class MethodFigures(Model):
    """One method's figures, by kind of fault and `all`, and what a case costs it."""

    method: str
    accuracy: dict[str, Accuracy]
    median_seconds: float


class MetricsReport(Model):
    """The methods on the same cases. `late`: seconds from the fault until somebody noticed, known to all methods."""

    source: str
    cases: int
    late: int
    methods: tuple[MethodFigures, ...]

    def figure(self, method: str, kind: str = ALL) -> Accuracy:
        """One method's figures for one kind of fault. Raises `KeyError` where there is none."""
        return {item.method: item for item in self.methods}[method].accuracy[kind]


class Placed(NamedTuple):
    """Where a method put the right service in one case."""

    fault: str
    place: int | None
    seconds: float


def run(*, number: int = CASES, seed: int = SEED, suite: Path | None = None, late: int = 0) -> MetricsReport:
    """Rank every case of `suite`, else of `number` made-up ones, by every method.

    Raises `InvalidInput` for a suite that cannot be read.
    """
    placed: dict[str, list[Placed]] = {name: [] for name in METHODS}
    for case in suite_in(suite) if suite else cases(number, seed):
        for name, ranking in METHODS.items():
            placed[name].append(_placed(case, ranking, case.inject_time + late))
    return MetricsReport(
        source=str(suite) if suite else f"made up, seed {seed}",
        cases=len(placed["BARO"]),
        late=late,
        methods=tuple(figures(name, rows) for name, rows in placed.items()),
    )


def figures(method: str, rows: Iterable[Placed]) -> MethodFigures:
    """A method's figures from where it put the right services."""
    known = list(rows)
    kinds = dict.fromkeys((ALL, *sorted({row.fault for row in known})))
    seconds = sorted(row.seconds for row in known)
    return MethodFigures(
        method=method,
        accuracy={kind: accuracy(row.place for row in known if kind in {ALL, row.fault}) for kind in kinds},
        median_seconds=round(seconds[len(seconds) // 2], 4) if seconds else 0.0,
    )


def tables(report: MetricsReport) -> Iterator[Table]:
    """A table a figure: methods down, kinds of fault across."""
    kinds = list(report.methods[0].accuracy)
    for title, figure in _FIGURES.items():
        table = Table("", *kinds, "median s", title=f"{title}, {report.cases} cases, {report.source}")
        for item in report.methods:
            cells = (f"{figure(item.accuracy[kind]):.2f}" for kind in kinds)
            table.add_row(item.method, *cells, f"{item.median_seconds:.3f}")
        if title == "Avg@5":
            table.add_row("BARO on RE2-TT, published", *(_published(kind) for kind in kinds), "")
        yield table


_FIGURES: dict[str, Callable[[Accuracy], float]] = {
    "Avg@5": lambda item: item.avg5,
    "AC@1": lambda item: item.ac1,
    "AC@3": lambda item: item.ac3,
}


def _published(kind: str) -> str:
    return f"{PUBLISHED[kind]:.2f}" if kind in PUBLISHED else ""


def _placed(case: Case, ranking: Ranking, at: int) -> Placed:
    began = time.perf_counter()
    ranks = ranking(case, at)
    return Placed(case.fault, place(case.service, ranks), time.perf_counter() - began)
