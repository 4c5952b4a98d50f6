"""How well the planner did: results compared with what the cases expect, by system."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from rich.table import Table

from domain.errors import Misconfigured
from domain.model import Model
from evals.cases import Case, case_id
from evals.results import Outcome
from evals.scoreboard.scores import TOP, CaseScore, percentile, score_of


class Figures(Model):
    """One system's cases. Counts are of `scored` cases, except `cases` and `errors`; times leave errors out.

    Right is as the scoreboard has it: of two faults both in the top three, of a healthy system that nothing is named.

    Claims and start-up are counted where they were made: in cases that this run planned, not in lines that it found.
    """

    system: str
    cases: int
    errors: int
    scored: int
    right: int
    right_cause: int
    right_in_top: int
    abstained: int
    median_tool_calls: float
    median_seconds: float
    p95_seconds: float
    p95_start_seconds: float
    claims_made: int
    claims_verified: int


def _share(count: int, total: int) -> str:
    return f"{count}/{total} ({count / total:.1%})" if total else "-"


ROWS: dict[str, Callable[[Figures], str]] = {
    "cases": lambda item: str(item.cases),
    "errors": lambda item: str(item.errors),
    "right (object and cause at rank 1)": lambda item: _share(item.right, item.scored),
    "cause at rank 1": lambda item: _share(item.right_cause, item.scored),
    f"object and cause in top {TOP}": lambda item: _share(item.right_in_top, item.scored),
    "abstained": lambda item: _share(item.abstained, item.scored),
    "claims that verify": lambda item: _share(item.claims_verified, item.claims_made),
    "median tool calls": lambda item: f"{item.median_tool_calls:g}",
    "median seconds": lambda item: f"{item.median_seconds:.2f}",
    "p95 seconds": lambda item: f"{item.p95_seconds:.2f}",
    "p95 seconds of start-up before": lambda item: f"{item.p95_start_seconds:.2f}",
}


def scored(cases: Iterable[Case], outcomes: Iterable[Outcome]) -> tuple[Figures, ...]:
    """Compare outcomes with what the cases expect, by system; a case without a readable `expected.json` is not scored.

    Empty where no case says what is expected.
    """
    by_id = {outcome.result.id: outcome for outcome in outcomes}
    systems: defaultdict[str, list[tuple[Outcome, CaseScore | None]]] = defaultdict(list)
    for case in cases:
        outcome = by_id.get(case_id(case))
        if outcome is not None:
            systems[_system(case)].append((outcome, _score(case, outcome)))
    figures = tuple(_figures(system, rows) for system, rows in sorted(systems.items()))
    return figures if any(item.scored for item in figures) else ()


def table(figures: Sequence[Figures]) -> Table:
    """Figures, a column a system."""
    drawn = Table("", *(item.system for item in figures))
    for heading, cell in ROWS.items():
        drawn.add_row(heading, *map(cell, figures))
    return drawn


def _system(case: Case) -> str:
    try:
        return case.header.system
    except Misconfigured:
        return "(unreadable)"


def _score(case: Case, outcome: Outcome) -> CaseScore | None:
    """None for a case without a label, or with one that cannot be read."""
    try:
        return score_of(case, outcome)
    except Misconfigured:
        return None


def _figures(system: str, rows: Sequence[tuple[Outcome, CaseScore | None]]) -> Figures:
    ended = [outcome.result for outcome, _ in rows if not outcome.result.error]
    scores = [score for _, score in rows if score]
    seconds = [result.seconds for result in ended]
    return Figures(
        system=system,
        cases=len(rows),
        errors=len(rows) - len(ended),
        scored=len(scores),
        right=sum(score.right for score in scores),
        right_cause=sum(score.cause_right or (score.healthy and score.right) for score in scores),
        right_in_top=sum(score.right if score.healthy else score.in_top for score in scores),
        abstained=sum(score.abstained for score in scores),
        median_tool_calls=statistics.median(result.tool_calls for result in ended) if ended else 0.0,
        median_seconds=statistics.median(seconds) if seconds else 0.0,
        p95_seconds=percentile(seconds, 0.95),
        p95_start_seconds=percentile([outcome.start_seconds for outcome, _ in rows if outcome.start_seconds], 0.95),
        claims_made=sum(outcome.claims_made for outcome, _ in rows),
        claims_verified=sum(outcome.claims_verified for outcome, _ in rows),
    )
