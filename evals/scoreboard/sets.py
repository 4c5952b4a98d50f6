"""Which sets of incidents there are: our own suite, what transformations make of it, and suites from elsewhere."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from domain.model import Model
from evals.cases import Case, cases_in
from evals.transforms.kinds import Kind, transform

OWN = Path(__file__).parents[1] / "suites" / "incidents"
TITLES: dict[Kind, str] = {
    Kind.RENAMED: "all names replaced by invented ones",
    Kind.WITHOUT_LOGS: "without logs",
    Kind.WITHOUT_METRICS: "without metrics",
    Kind.WITHOUT_EVENTS: "without events",
    Kind.WITHOUT_MANIFESTS: "without manifests",
    Kind.HEALTHY: "healthy: the fault mended",
    Kind.TWO_FAULTS: "two faults at once",
}
MOST: dict[Kind, int] = {Kind.HEALTHY: 60, Kind.TWO_FAULTS: 60}
"""More tell no more."""
EVERY = 4
"""A short run takes every case of this many."""
SHORT_KINDS: dict[Kind, int] = {Kind.HEALTHY: 8, Kind.TWO_FAULTS: 8}


class IncidentSet(Model):
    """A set of labelled incidents."""

    name: str
    title: str
    folder: Path
    every: int = 1

    def cases(self) -> tuple[Case, ...]:
        """Its cases. Raises `Misconfigured` for what is no suite."""
        return tuple(islice(cases_in(self.folder), 0, None, self.every))


def sets(suites: Sequence[Path], scratch: Path, *, short: bool, transformed: bool) -> Iterator[IncidentSet]:
    """The sets to run: each suite as it is, then transformed into `scratch`. Raises `Misconfigured`."""
    for suite in (OWN, *suites):
        yield IncidentSet(name=suite.name, title=_title(suite), folder=suite, every=EVERY if short else 1)
        for kind in (SHORT_KINDS if short else TITLES) if transformed else ():
            out = scratch / f"{suite.name}-{kind}"
            transform(suite, kind, out, most=SHORT_KINDS.get(kind) if short else MOST.get(kind))
            yield IncidentSet(name=f"{suite.name}, {kind}", title=f"{_title(suite)}, {TITLES[kind]}", folder=out)


def _title(suite: Path) -> str:
    return "Our own incidents" if suite == OWN else f"Recorded incidents: {suite.name}"
