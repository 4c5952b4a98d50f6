"""The planner against every fault: each triage ends in time and within budget, with the offline report and a reason."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import SecretStr
from rich.table import Table

from agent.offline.model import OFFLINE
from domain.model import Model
from evals.cases import Case
from evals.llm.faults import FAULTS, Fault
from evals.loop import Loop, with_planner
from evals.results import CaseResult, Outcome
from service.settings import Settings

MODEL = "openai:faulty"
WITHIN_SECONDS = 120.0
AT_ONCE = 4
"""Triages that run at the same time: most of what some faults take is waiting."""


class Endured(Model):
    """One fault. `kept` says that the report is the offline planner's own, or the model's where it recovered."""

    fault: str
    seconds: float
    reason: str | None
    kept: bool
    requests: int
    tokens: int
    within_budget: bool
    error: str | None = None

    @property
    def passed(self) -> bool:
        """In time, within budget, nothing lost, and said why."""
        return self.error is None and self.kept and self.within_budget and self.seconds <= WITHIN_SECONDS


class EnduranceReport(Model):
    """All faults, on one incident."""

    case: str
    endured: tuple[Endured, ...]

    @property
    def passed(self) -> bool:
        """Whether all were endured."""
        return bool(self.endured) and all(item.passed for item in self.endured)


async def run(
    case: Case, settings: Settings, *, faults: Sequence[Fault] = FAULTS, told: Callable[[Endured], None] | None = None
) -> EnduranceReport:
    """Triage the case once with the offline planner and once with each faulty model. Raises `Misconfigured`."""
    with tempfile.TemporaryDirectory(prefix="triagent-endurance-") as folder:
        plain = await Loop.open(with_planner(settings, OFFLINE), Path(folder) / "index")
        try:
            expected = await plain.planned(case)
        finally:
            await plain.close()
        room = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, fault: Fault) -> Endured:
            async with room:
                found = await _endured(case, settings, fault, expected, Path(folder) / f"index-{number}")
            if told is not None:
                told(found)
            return found

        endured = await asyncio.gather(*(one(number, fault) for number, fault in enumerate(faults)))
    return EnduranceReport(case=expected.result.id, endured=tuple(endured))


async def _endured(case: Case, settings: Settings, fault: Fault, expected: Outcome, index: Path) -> Endured:
    async with fault.server() as base_url:
        planner = settings.planner.model_copy(update={"base_url": base_url, "api_key": SecretStr("any")})
        faulty = with_planner(settings.model_copy(update={"planner": planner}), MODEL)
        loop = await Loop.open(faulty, index)
        began = time.monotonic()
        try:
            outcome = await loop.planned(case)
        except Exception as exc:  # noqa: BLE001 - whatever gets out of the planner is what is looked for here
            outcome = Outcome(result=CaseResult(id=expected.result.id, error=f"{type(exc).__name__}: {exc}"[:500]))
        finally:
            await loop.close()
    return _judged(fault, outcome, expected, faulty, time.monotonic() - began)


def _judged(fault: Fault, outcome: Outcome, expected: Outcome, settings: Settings, seconds: float) -> Endured:
    usage, budget = outcome.usage, settings.planner
    tokens = usage.input_tokens + usage.output_tokens
    calls = usage.tool_calls <= budget.max_tool_calls + OFFLINE_CALLS
    return Endured(
        fault=fault.name,
        seconds=round(seconds, 2),
        reason=outcome.fell_back,
        kept=_kept(outcome, expected, recovers=fault.recovers),
        requests=usage.requests,
        tokens=tokens,
        within_budget=calls and tokens <= budget.max_tokens + LAST_ANSWER,
        error=outcome.result.error,
    )


OFFLINE_CALLS = 8
"""The offline model may look for itself after the language model has spent its calls."""
LAST_ANSWER = 60_000
"""Tokens are counted when they have been spent: one request may end beyond the budget."""


def _kept(outcome: Outcome, expected: Outcome, *, recovers: bool) -> bool:
    """Same causes and plan as offline; and taken over by the offline model with a reason, or not at all."""
    same_causes = [(c.cause, c.object) for c in outcome.result.causes][:1] == [
        (c.cause, c.object) for c in expected.result.causes
    ][:1]
    same_plan = _actions(outcome) == _actions(expected)
    return same_causes and same_plan and (outcome.fell_back is None) == recovers


def _actions(outcome: Outcome) -> tuple[object, ...]:
    return outcome.result.plan.actions if outcome.result.plan else ()


def table(report: EnduranceReport) -> Table:
    """The faults, a row each."""
    drawn = Table("fault", "ends after", "requests", "tokens", "why the offline model had to take over", "")
    for item in report.endured:
        verdict = "ok" if item.passed else f"[red]{item.error or 'failed'}[/red]"
        reason = item.reason or ""
        drawn.add_row(item.fault, f"{item.seconds:.1f} s", str(item.requests), str(item.tokens), reason[:90], verdict)
    return drawn
