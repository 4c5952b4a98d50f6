"""`triagent evals …`: offline suites."""

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from evals import runner
from evals.board_commands import scoreboard, synthesize, transform
from evals.cases import Case, case_id, suite_in
from evals.durable import temporal_server
from evals.figures import scored as scored_cases
from evals.figures import table as figures_table
from evals.loop import with_planner
from evals.metrics.command import metrics
from evals.model_commands import llm, llm_faults, safety
from evals.recorder.command import record
from evals.results import Outcome, resumed
from evals.retrieval import load_suite, run
from evals.retrieval_ablation import Row, ablation, table
from evals.retrieval_scores import scored
from service.settings import Settings, load_settings

app = typer.Typer(help="Offline suites.", no_args_is_help=True, add_completion=False)
app.command("metrics")(metrics)
app.command()(safety)
app.command()(llm)
app.command("llm-faults")(llm_faults)
app.command()(scoreboard)
app.command()(transform)
app.command()(synthesize)
app.command()(record)
SHIPPED_SUITE = Path(__file__).parent / "suites" / "retrieval"


@app.command("run")
def run_incidents(
    suite: Annotated[Path, typer.Argument(help="Folder of recorded incidents and signals.yaml.")],
    planner: Annotated[str, typer.Option(help="Who diagnoses: `offline`, or a model id as TRIAGE_PLANNER__MODEL has.")],
    out: Annotated[Path, typer.Option(help="Results, one JSON line a case; cases already in it are skipped.")],
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; as many as there are CPUs by default.")] = None,
    temporal: Annotated[
        bool,
        typer.Option("--temporal", help="Through the workflow on a Temporal dev server, up to the plan."),
    ] = False,
) -> None:
    """Diagnose every recorded incident of SUITE; with expected.json files, print the figures too.

    Each incident is replayed as read-only systems on loopback, with a real Prometheus, and goes through the product's
    own tools and planner. A case that cannot be read or replayed has its error in its line.
    """
    console, errors = Console(), Console(stderr=True)
    settings = with_planner(load_settings(), planner)
    found = suite_in(suite)
    for skipped in found.skipped:
        errors.print(f"[yellow]skipped {skipped.folder}: {skipped.reason}[/yellow]", highlight=False)
    outcomes = _run(found.cases, settings, out, jobs or os.cpu_count() or 1, temporal=temporal)
    bad = [outcome.result for outcome in outcomes if outcome.result.error is not None]
    for result in bad:
        errors.print(f"[yellow]{result.error}[/yellow]", highlight=False)
    console.print(f"{len(outcomes)} cases with the {planner} planner, {len(bad)} with errors → {out}")
    for status, count in Counter(outcome.status for outcome in outcomes if outcome.status).most_common():
        console.print(f"  {count} {status}")
    figures = scored_cases(found.cases, outcomes)
    if figures:
        console.print(figures_table(figures))


def _run(cases: Sequence[Case], settings: Settings, out: Path, jobs: int, *, temporal: bool) -> list[Outcome]:
    """Outcomes of all the cases: those found in `out`, then those planned now."""
    ids = {case_id(case) for case in cases}
    found = [Outcome(result=result) for result in resumed(out) if result.id in ids]
    done = {outcome.result.id for outcome in found}
    waiting = [case for case in cases if case_id(case) not in done]
    with _server(settings, wanted=temporal) as address, Progress(console=Console(stderr=True)) as progress:
        fresh = runner.recorded(waiting, settings, out, jobs=jobs, temporal=address)
        return found + list(progress.track(fresh, total=len(waiting), description="cases"))


@contextmanager
def _server(settings: Settings, *, wanted: bool) -> Generator[str | None]:
    """The address of a Temporal server that runs as long as the block does, if one is wanted."""
    if not wanted:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="triagent-temporal-", ignore_cleanup_errors=True) as folder,
        temporal_server(settings, Path(folder)) as address,
    ):
        yield address


@app.command()
def retrieval(
    suite: Annotated[Path, typer.Argument(help="Folder of corpus.jsonl and queries.jsonl.")],
    out: Annotated[Path, typer.Option(help="Results, one JSON line a query.")],
) -> None:
    """Search every query of SUITE in a fresh embedded index; with an expected.jsonl, print the figures too."""
    loaded, results = asyncio.run(run(suite, out, model=load_settings().embeddings.model))
    console = Console()
    console.print(f"{len(results)} queries over {len(loaded.documents)} documents → {out}")
    if loaded.expected:
        console.print(table([Row(variant="this run", scores=scored(loaded, results))]))


@app.command("retrieval-ablation")
def retrieval_ablation(
    suite: Annotated[
        Path, typer.Argument(help="A suite with expected.jsonl.", show_default="evals/suites/retrieval")
    ] = SHIPPED_SUITE,
) -> None:
    """Compare ways of ranking on a labelled suite; dense ones only with TRIAGE_EMBEDDINGS__MODEL set."""
    Console().print(table(asyncio.run(_ablation(suite, load_settings().embeddings.model))))


async def _ablation(suite: Path, model: str) -> tuple[Row, ...]:
    return await ablation(await load_suite(suite), model=model)
