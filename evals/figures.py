"""How well the planner did: results compared with what the cases expect, by system."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from rich.table import Table

from domain.diagnosis import Finding
from domain.errors import Misconfigured
from domain.model import Model
from domain.objects import ObjectRef
from evals.cases import Case, Expected, Score, case_id, expected_of
from evals.results import CaseResult, Outcome

TOP = 3


class Figures(Model):
    """One system's cases. Counts are of `scored` cases, except `cases` and `errors`; times leave errors out.

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
    "object and cause at rank 1": lambda item: _share(item.right, item.scored),
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
    systems: defaultdict[str, list[tuple[Outcome, Expected | None]]] = defaultdict(list)
    for case in cases:
        if case_id(case) in by_id:
            systems[_system(case)].append((by_id[case_id(case)], _label(case)))
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


def _label(case: Case) -> Expected | None:
    try:
        return expected_of(case)
    except Misconfigured:
        return None


def _figures(system: str, rows: Sequence[tuple[Outcome, Expected | None]]) -> Figures:
    results = [outcome.result for outcome, _ in rows]
    ended = [result for result in results if not result.error]
    labelled = [(outcome.result, expected) for outcome, expected in rows if expected]
    ranks = [_rank(result, expected) for result, expected in labelled]
    seconds = [result.seconds for result in ended]
    return Figures(
        system=system,
        cases=len(rows),
        errors=len(results) - len(ended),
        scored=len(labelled),
        right=ranks.count(1),
        right_cause=sum(_names_cause(result, expected) for result, expected in labelled),
        right_in_top=sum(rank is not None and rank <= TOP for rank in ranks),
        abstained=sum(not result.causes and not result.error for result, _ in labelled),
        median_tool_calls=statistics.median(result.tool_calls for result in ended) if ended else 0.0,
        median_seconds=statistics.median(seconds) if seconds else 0.0,
        p95_seconds=_p95(seconds),
        p95_start_seconds=_p95([outcome.start_seconds for outcome, _ in rows if outcome.start_seconds]),
        claims_made=sum(outcome.claims_made for outcome, _ in rows),
        claims_verified=sum(outcome.claims_verified for outcome, _ in rows),
    )


def _p95(values: Sequence[float]) -> float:
    """The nearest-rank 95th percentile; 0 of nothing."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else 0.0


def _names_cause(result: CaseResult, expected: Expected) -> bool:
    return bool(result.causes) and result.causes[0].cause == expected.root_cause


def _rank(result: CaseResult, expected: Expected) -> int | None:
    findings = tuple(
        Finding(
            cause=item.cause,
            object=ObjectRef.parse(item.object),
            confidence=item.confidence,
            claims=result.claims,
            analyzer="recorded",
        )
        for item in result.causes
    )
    return Score(result.id, expected, findings).rank
