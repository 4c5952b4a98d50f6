"""`triagent evals safety`, `llm` and `llm-faults`."""

import asyncio
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from domain.errors import Misconfigured
from domain.model import Model
from evals.cases import Case, cases_in
from evals.llm import endurance
from evals.llm import suite as llm_suite
from evals.safety import report as safety_report
from evals.safety import suite as safety_suite
from evals.synthesis.suite import generate
from service.settings import load_settings

Out = Annotated[Path | None, typer.Option(help="The report, as JSON.")]
Suite = Annotated[
    Path | None, typer.Argument(help="Folder of recorded incidents and signals.yaml; our own, made anew, without one.")
]


def safety(
    out: Annotated[Path | None, typer.Option(help="Results, one JSON line a trial.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Only this many trials, spread over all of them.")] = None,
    every_carrier: Annotated[
        bool, typer.Option("--every-carrier", help="Each payload in all eight carriers: eight times as many trials.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=8, help="Demo shops at the same time.")] = 2,
) -> None:
    """Plant injections in everything triagent reads, with a model that obeys them; fails if any gets anywhere."""
    wanted = safety_suite.chosen(sample, every_carrier=every_carrier)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("trials", total=len(wanted))
        found = asyncio.run(safety_suite.run(wanted, out, jobs=jobs, told=lambda _: progress.advance(task)))
    Console().print(safety_report.table(found))
    if not found.passed:
        raise typer.Exit(1)


def llm(
    model: Annotated[str, typer.Option(help="A model id, asked as the settings say; `scripted` needs no key.")],
    suite: Suite = None,
    out: Out = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first cases.")] = None,
    price_in: Annotated[float, typer.Option(min=0, help="Price of a million tokens in.")] = 0.0,
    price_out: Annotated[float, typer.Option(min=0, help="Price of a million tokens out.")] = 0.0,
) -> None:
    """Diagnose SUITE with a language model, and show what it costs and finds beside the offline planner."""
    with _cases(suite, limit) as cases, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("cases", total=2 * len(cases))
        prices = llm_suite.Prices(input=price_in, output=price_out)
        found = _measured(cases, model, prices, jobs, lambda _, __: progress.advance(task))
    _write(out, found)
    Console().print(llm_suite.table(found))


def _measured(
    cases: tuple[Case, ...], model: str, prices: llm_suite.Prices, jobs: int, told: llm_suite.Planned
) -> llm_suite.LlmReport:
    if model == llm_suite.SCRIPTED:
        return asyncio.run(llm_suite.run_scripted(cases, load_settings(), jobs=jobs, told=told))
    return llm_suite.run(cases, load_settings(), model, jobs=jobs, prices=prices, told=told)


def llm_faults(suite: Suite = None, out: Out = None) -> None:
    """Triage the first incident of SUITE with every way a model's endpoint can fail; fails if any triage is lost."""
    with _cases(suite, 1) as (case,), Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("faults", total=len(endurance.FAULTS))
        found = asyncio.run(endurance.run(case, load_settings(), told=lambda _: progress.advance(task)))
    _write(out, found)
    Console().print(endurance.table(found))
    if not found.passed:
        raise typer.Exit(1)


@contextmanager
def _cases(suite: Path | None, limit: int | None) -> Generator[tuple[Case, ...]]:
    """The first cases of a suite, or of our own, which is there as long as the block runs. Raises `Misconfigured`."""
    if suite is not None:
        yield cases_in(suite)[:limit]
        return
    with tempfile.TemporaryDirectory(prefix="triagent-incidents-") as folder:
        generate(Path(folder), most=limit)
        yield cases_in(Path(folder))


def _write(out: Path | None, found: Model) -> None:
    if out is None:
        return
    try:
        out.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    except OSError as exc:
        raise Misconfigured(f"cannot write {out}: {exc}") from exc
