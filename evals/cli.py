"""`triagent evals …`: offline suites."""

import asyncio
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress
from yaml import YAMLError

from domain.errors import Misconfigured, TriagentError
from evals import runner
from evals.cases import Case, cases_in
from evals.retrieval import load_suite, run
from evals.retrieval_ablation import Row, ablation, table
from evals.retrieval_scores import scored
from service.settings import load_settings

app = typer.Typer(help="Offline suites.", no_args_is_help=True)
SHIPPED_SUITE = Path(__file__).parent / "suites" / "retrieval"


class Planner(StrEnum):
    """Who diagnoses recorded incidents."""

    OFFLINE = "offline"


@app.command("run")
def run_incidents(
    suite: Annotated[Path, typer.Argument(help="Folder of recorded incidents and signals.yaml.")],
    planner: Annotated[Planner, typer.Option(help="Who diagnoses: only `offline` for now.")],
    out: Annotated[Path, typer.Option(help="Results, one JSON line a case; cases already in it are skipped.")],
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; as many as there are CPUs by default.")] = None,
) -> None:
    """Diagnose every recorded incident of SUITE; with expected.json files, print the figures too.

    This runs the offline analysis on what was recorded, not yet the tool loop over replayed APIs: no tool is called
    and no token is spent. A case that cannot be read has its error in its line.
    """
    try:
        cases = _cases(suite)
        outcomes = _run(cases, out, jobs or os.cpu_count() or 1)
    except TriagentError as error:
        raise _refusal(error) from error
    console = Console()
    bad = sum(outcome.result.error is not None for outcome in outcomes)
    console.print(f"{len(outcomes)} cases with the {planner} planner, {bad} with errors → {out}")
    figures = runner.scored(cases, outcomes)
    if figures:
        console.print(runner.table(figures))


def _cases(suite: Path) -> tuple[Case, ...]:
    try:
        cases = cases_in(suite)
    except (ValidationError, YAMLError) as exc:
        raise Misconfigured(f"{suite / 'signals.yaml'} is no signal catalogue: {exc}") from exc
    if not cases:
        raise Misconfigured(f"{suite} is no suite: no folder in it has a case.json")
    return cases


def _run(cases: tuple[Case, ...], out: Path, jobs: int) -> list[runner.Outcome]:
    """Outcomes of all the cases: those found in `out`, then those planned now."""
    ids = {runner.case_id(case) for case in cases}
    found = [runner.Outcome(result=result) for result in runner.resumed(out) if result.id in ids]
    done = {outcome.result.id for outcome in found}
    waiting = [case for case in cases if runner.case_id(case) not in done]
    with Progress(console=Console(stderr=True)) as progress:
        fresh = runner.run(waiting, out, jobs=jobs)
        return found + list(progress.track(fresh, total=len(waiting), description="cases"))


@app.command()
def retrieval(
    suite: Annotated[Path, typer.Argument(help="Folder of corpus.jsonl and queries.jsonl.")],
    out: Annotated[Path, typer.Option(help="Results, one JSON line a query.")],
) -> None:
    """Search every query of SUITE in a fresh embedded index; with an expected.jsonl, print the figures too."""
    try:
        loaded, results = asyncio.run(run(suite, out, model=load_settings().embeddings.model))
    except TriagentError as error:
        raise _refusal(error) from error
    console = Console()
    console.print(f"{len(results)} queries over {len(loaded.documents)} documents → {out}")
    if loaded.expected:
        console.print(table([Row(variant="this run", scores=scored(loaded, results))]))


@app.command("retrieval-ablation")
def retrieval_ablation(
    suite: Annotated[Path, typer.Argument(help="A suite with expected.jsonl.")] = SHIPPED_SUITE,
) -> None:
    """Compare ways of ranking on a labelled suite; dense ones only with TRIAGE_EMBEDDINGS__MODEL set."""
    try:
        rows = asyncio.run(_ablation(suite, load_settings().embeddings.model))
    except TriagentError as error:
        raise _refusal(error) from error
    Console().print(table(rows))


async def _ablation(suite: Path, model: str) -> tuple[Row, ...]:
    return await ablation(await load_suite(suite), model=model)


def _refusal(error: TriagentError) -> typer.Exit:
    Console(stderr=True).print(f"[red]{error}[/red]", highlight=False)
    return typer.Exit(2)
