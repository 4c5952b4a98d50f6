"""Recorded incidents with a language model, beside the same without one: accuracy, calls, tokens, cost, time."""

import asyncio
import statistics
from collections.abc import Callable, Sequence

from pydantic import Field, SecretStr
from rich.table import Table

from agent.offline.model import OFFLINE
from domain.model import Model
from evals import runner
from evals.cases import Case
from evals.figures import Figures, scored
from evals.llm.scripts import diligent
from evals.llm.server import model_server
from evals.loop import with_planner
from evals.results import Outcome
from service.settings import Settings

CALLS_WANTED = 4
INPUT_WANTED = 15_000
"""What a triage may take of a language model: requests, and tokens that go in over all of them."""

SCRIPTED = "scripted"
"""The model that is a program on loopback: it reads the analysis, looks once more, and concludes. It needs no key and
shows what a triage takes of a model that does its work well, tokens estimated as `evals.llm.server` says."""

Planned = Callable[[str, Outcome], None]


class Prices(Model):
    """Of a million tokens, in any currency."""

    input: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0)

    def of(self, outcome: Outcome) -> float:
        """What an outcome cost."""
        return (self.input * outcome.usage.input_tokens + self.output * outcome.usage.output_tokens) / 1e6


class PlannerFigures(Model):
    """One planner over all cases. Requests and tokens are those of a language model; `within` are the cases that took
    at most `CALLS_WANTED` requests and `INPUT_WANTED` tokens. `fell_back` counts those that the offline model ended."""

    planner: str
    cases: int
    errors: int
    scored: int
    right: int
    right_in_top: int
    fell_back: int
    median_requests: float
    most_requests: int
    median_input_tokens: float
    most_input_tokens: int
    median_output_tokens: float
    cost: float
    median_tool_calls: float
    median_seconds: float
    p95_seconds: float
    most_seconds: float
    within: int


class LlmReport(Model):
    """The model's figures beside the offline planner's on the same cases."""

    model: PlannerFigures
    offline: PlannerFigures

    @property
    def passed(self) -> bool:
        """Every case ended, and the model was at least as often right as no model is."""
        return self.model.errors == 0 and self.model.right >= self.offline.right


def run(
    cases: Sequence[Case],
    settings: Settings,
    model: str,
    *,
    jobs: int,
    prices: Prices | None = None,
    told: Planned | None = None,
) -> LlmReport:
    """Plan every case without and with the model. Raises `Misconfigured` for settings that cannot work."""
    figures: list[PlannerFigures] = []
    for planner in (OFFLINE, model):
        outcomes: list[Outcome] = []
        for outcome in runner.run(cases, with_planner(settings, planner), jobs=jobs):
            outcomes.append(outcome)
            if told is not None:
                told(planner, outcome)
        figures.append(figures_of(planner, cases, outcomes, prices or Prices()))
    return LlmReport(offline=figures[0], model=figures[1])


async def run_scripted(
    cases: Sequence[Case], settings: Settings, *, jobs: int, told: Planned | None = None
) -> LlmReport:
    """`run` with the scripted model, which answers as long as this takes. Raises as `run` does."""
    async with model_server(diligent) as server:
        reached = {"base_url": server.base_url, "api_key": SecretStr("any")}
        planner = settings.planner.model_copy(update=reached)
        there = settings.model_copy(update={"planner": planner})
        return await asyncio.to_thread(run, cases, there, f"openai:{SCRIPTED}", jobs=jobs, told=told)


def figures_of(planner: str, cases: Sequence[Case], outcomes: Sequence[Outcome], prices: Prices) -> PlannerFigures:
    """One planner's figures. Where no case says what is expected, nothing is scored."""
    ended = [outcome for outcome in outcomes if outcome.result.error is None]
    systems: tuple[Figures, ...] = scored(cases, outcomes)
    requests = [outcome.usage.requests for outcome in ended]
    tokens = [outcome.usage.input_tokens for outcome in ended]
    seconds = sorted(outcome.result.seconds for outcome in ended)
    return PlannerFigures(
        planner=planner,
        cases=len(outcomes),
        errors=len(outcomes) - len(ended),
        scored=sum(item.scored for item in systems),
        right=sum(item.right for item in systems),
        right_in_top=sum(item.right_in_top for item in systems),
        fell_back=sum(outcome.fell_back is not None for outcome in ended),
        median_requests=_median(requests),
        most_requests=max(requests, default=0),
        median_input_tokens=_median(tokens),
        most_input_tokens=max(tokens, default=0),
        median_output_tokens=_median([outcome.usage.output_tokens for outcome in ended]),
        cost=round(sum(map(prices.of, ended)), 6),
        median_tool_calls=_median([outcome.result.tool_calls for outcome in ended]),
        median_seconds=_median(seconds),
        p95_seconds=seconds[max(0, -(-len(seconds) * 95 // 100) - 1)] if seconds else 0.0,
        most_seconds=seconds[-1] if seconds else 0.0,
        within=sum(_within(outcome) for outcome in ended),
    )


def _within(outcome: Outcome) -> bool:
    return outcome.usage.requests <= CALLS_WANTED and outcome.usage.input_tokens <= INPUT_WANTED


def _median(values: Sequence[float]) -> float:
    return float(statistics.median(values)) if values else 0.0


def table(report: LlmReport) -> Table:
    """The two planners side by side."""
    drawn = Table("", report.model.planner, report.offline.planner)
    rows: dict[str, Callable[[PlannerFigures], object]] = {
        "cases, errors": lambda item: f"{item.cases}, {item.errors}",
        "object and cause at rank 1": lambda item: f"{item.right}/{item.scored}",
        "object and cause in top 3": lambda item: f"{item.right_in_top}/{item.scored}",
        "ended by the offline model": lambda item: item.fell_back,
        "requests, median and most": lambda item: f"{item.median_requests:g}, {item.most_requests}",
        "tokens in, median and most": lambda item: f"{item.median_input_tokens:g}, {item.most_input_tokens}",
        "tokens out, median": lambda item: f"{item.median_output_tokens:g}",
        f"at most {CALLS_WANTED} requests and {INPUT_WANTED} tokens in": lambda item: f"{item.within}/{item.cases}",
        "cost": lambda item: f"{item.cost:g}",
        "tool calls, median": lambda item: f"{item.median_tool_calls:g}",
        "seconds, median, p95 and most": lambda item: (
            f"{item.median_seconds:.2f}, {item.p95_seconds:.2f}, {item.most_seconds:.2f}"
        ),
    }
    for heading, cell in rows.items():
        drawn.add_row(heading, str(cell(report.model)), str(cell(report.offline)))
    return drawn
