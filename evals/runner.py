"""`triagent evals run`: every recorded incident of a suite through the offline analysis, one result line a case.

This runs the analysis, the check of its claims and the choice of a plan on what each case recorded. It does not yet
replay the recorded systems' APIs to the tool loop, so no tool is called and no token is spent. What was expected of a
case enters the figures only, after every case has its line.
"""

import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from pydantic import ValidationError
from rich.table import Table

from agent.analysis import analysis_of
from agent.grounding import grounded
from agent.remedies import propose
from domain.diagnosis import CauseId, Confidence, Finding, RankedCause
from domain.errors import MESSAGE_LIMIT, Misconfigured, TriagentError
from domain.evidence import Claim, unsupported
from domain.model import Model
from domain.objectives import Objectives
from domain.objects import ObjectRef
from domain.plans import PlanDraft
from domain.policy import Policy
from evals.cases import Case, Expected, Score, expected_of

TOP = 3


class NamedCause(Model):
    """A cause as results name it; `object` is `kind/name`."""

    cause: CauseId
    object: str
    confidence: Confidence


class CaseResult(Model):
    """A line of the results. No causes and no error means that the planner abstained.

    `causes` are in rank order and `claims` are what they stand on, in the same order. `seconds` covers reading the case
    and planning; it is 0 where `error` says why there is no outcome.
    """

    id: str
    causes: tuple[NamedCause, ...] = ()
    claims: tuple[Claim, ...] = ()
    plan: PlanDraft | None = None
    tool_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    error: str | None = None


class Outcome(Model):
    """A result, and how many of the claims that the analyzers made stand on their evidence."""

    result: CaseResult
    claims_made: int = 0
    claims_verified: int = 0


class Figures(Model):
    """One system's cases. Counts are of `scored` cases, except `cases` and `errors`; seconds leave errors out.

    Claims are counted where they were made: in cases that this run planned, not in lines that it found.
    """

    system: str
    cases: int
    errors: int
    scored: int
    right: int
    right_cause: int
    right_in_top: int
    abstained: int
    median_seconds: float
    p95_seconds: float
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
    "median seconds": lambda item: f"{item.median_seconds:.2f}",
    "p95 seconds": lambda item: f"{item.p95_seconds:.2f}",
    "claims that verify": lambda item: _share(item.claims_verified, item.claims_made),
}


def planned(case: Case) -> Outcome:
    """Diagnose one case offline and plan for it, under the default objectives and policy.

    Raises whatever a corrupt case makes its readers raise.
    """
    began = time.perf_counter()
    analysis = analysis_of(case.situation())
    evidence = {item.id: item for item in analysis.evidence}
    causes = grounded(map(_ranked, analysis.findings), evidence, analysis.findings).causes
    plan = propose(causes, analysis.inventory, Objectives(), alerts=case.alerts, policy=Policy())
    made = [claim for finding in analysis.findings for claim in finding.claims]
    result = CaseResult(
        id=case.header.id,
        causes=tuple(
            NamedCause(cause=item.cause, object=str(item.object), confidence=item.confidence) for item in causes
        ),
        claims=tuple(claim for cause in causes for claim in cause.claims),
        plan=plan,
        seconds=round(time.perf_counter() - began, 4),
    )
    verified = sum(unsupported(claim, evidence) is None for claim in made)
    return Outcome(result=result, claims_made=len(made), claims_verified=verified)


def case_id(case: Case) -> str:
    """The case's own id, or its folder's name where `case.json` cannot be read."""
    try:
        return case.header.id
    except (Misconfigured, ValidationError):
        return case.folder.name


def resumed(out: Path) -> tuple[CaseResult, ...]:
    """The results already in `out`, after dropping a last line that was cut short.

    Raises `Misconfigured` naming a line that is no result, or the file where it cannot be read.
    """
    try:
        content = out.read_bytes() if out.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            out.write_bytes(whole)
    except OSError as exc:
        raise Misconfigured(f"cannot resume from {out}: {exc}") from exc
    return tuple(_line(out, number, text) for number, text in enumerate(whole.splitlines(), 1))


def run(cases: Sequence[Case], out: Path, *, jobs: int) -> Generator[Outcome]:
    """Plan the cases over `jobs` processes, appending each result to `out` in the order of `cases`.

    A case that fails has its `error` in its line. Raises `Misconfigured` where `out` cannot be written and
    `TriagentError` when a process dies; the lines so far stay, so the same command goes on from there.
    """
    # Spawned, not forked: a progress bar draws from a thread, and a forked child would inherit its locks half-taken.
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        with out.open("a") as lines:
            futures = [(case, pool.submit(planned, case)) for case in cases]
            for case, future in futures:
                outcome = _outcome(case, future)
                lines.write(outcome.result.model_dump_json() + "\n")
                lines.flush()
                yield outcome
    except OSError as exc:
        raise Misconfigured(f"cannot write {out}: {exc}") from exc
    finally:
        pool.shutdown(cancel_futures=True)


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


def _ranked(finding: Finding) -> RankedCause:
    return RankedCause(cause=finding.cause, object=finding.object, confidence=finding.confidence, claims=finding.claims)


def _line(out: Path, number: int, text: bytes) -> CaseResult:
    try:
        return CaseResult.model_validate_json(text)
    except ValidationError as exc:
        raise Misconfigured(f"{out}, line {number} is no result of `evals run`; choose another --out") from exc


def _outcome(case: Case, future: Future[Outcome]) -> Outcome:
    """The case's outcome; whatever its process raised becomes the line's `error`."""
    failure = future.exception()
    if failure is None:
        return future.result()
    if isinstance(failure, BrokenProcessPool):
        raise TriagentError(f"a process died near {case.folder}; run again with fewer --jobs to go on") from failure
    error = f"{case.folder.name}: {type(failure).__name__}: {failure}"
    return Outcome(result=CaseResult(id=case_id(case), error=error[:MESSAGE_LIMIT]))


def _system(case: Case) -> str:
    try:
        return case.header.system
    except (Misconfigured, ValidationError):
        return "(unreadable)"


def _label(case: Case) -> Expected | None:
    try:
        return expected_of(case)
    except ValidationError:
        return None


def _figures(system: str, rows: Sequence[tuple[Outcome, Expected | None]]) -> Figures:
    results = [outcome.result for outcome, _ in rows]
    labelled = [(outcome.result, expected) for outcome, expected in rows if expected]
    ranks = [_rank(result, expected) for result, expected in labelled]
    seconds = sorted(result.seconds for result in results if not result.error)
    return Figures(
        system=system,
        cases=len(rows),
        errors=sum(result.error is not None for result in results),
        scored=len(labelled),
        right=ranks.count(1),
        right_cause=sum(_names_cause(result, expected) for result, expected in labelled),
        right_in_top=sum(rank is not None and rank <= TOP for rank in ranks),
        abstained=sum(not result.causes and not result.error for result, _ in labelled),
        median_seconds=statistics.median(seconds) if seconds else 0.0,
        p95_seconds=seconds[math.ceil(0.95 * len(seconds)) - 1] if seconds else 0.0,
        claims_made=sum(outcome.claims_made for outcome, _ in rows),
        claims_verified=sum(outcome.claims_verified for outcome, _ in rows),
    )


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
