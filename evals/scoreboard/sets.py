"""Which sets of incidents there are: our own suite, what transformations make of it, and suites from elsewhere."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from domain.model import Model
from evals.cases import Case, cases_in
from evals.scoreboard.choice import INCIDENTS, Choice
from evals.synthesis.suite import PER_CAUSE, generate
from evals.transforms.kinds import Kind, transform

OWN = "own"
"""The name of our own suite, which is made when it is needed."""
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
EVERY, EVERY_OWN = 4, 2
"""A short run takes every case of this many; our own suite then has one incident a cause to begin with."""
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


def sets(choice: Choice, scratch: Path) -> Iterator[IncidentSet]:
    """The sets to run: each suite as it is, then transformed into `scratch`. Raises `Misconfigured`."""
    kinds = [kind for kind in (SHORT_KINDS if choice.short else TITLES) if kind in choice.parts]
    if not kinds and INCIDENTS not in choice.parts:
        return
    halved = _own(scratch / "halved", per_cause=1)
    own = halved if choice.short else _own(scratch, per_cause=PER_CAUSE)
    for suite in (own, *choice.suites):
        title = "Our own incidents" if suite is own else f"Recorded incidents: {suite.name}"
        if INCIDENTS in choice.parts:
            every = (EVERY_OWN if suite is own else EVERY) if choice.short else 1
            yield IncidentSet(name=suite.name, title=title, folder=suite, every=every)
        source = halved if suite is own else suite
        for kind in kinds:
            out = scratch / f"{suite.name}-{kind}"
            transform(source, kind, out, most=SHORT_KINDS.get(kind) if choice.short else MOST.get(kind))
            yield IncidentSet(name=f"{suite.name}, {kind}", title=f"{title}, {TITLES[kind]}", folder=out)


def _own(folder: Path, *, per_cause: int) -> Path:
    """Our own suite; with one incident a cause it is what transformations are shown on."""
    generate(folder / OWN, per_cause=per_cause)
    return folder / OWN
