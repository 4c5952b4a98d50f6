"""`triagent evals metrics`: prints and writes the comparison."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from evals.metrics.comparison import compare
from evals.metrics.generator import cases
from evals.metrics.layout import suite_in, write_case
from evals.metrics.report import CASES, SEED, MetricsReport, run, tables


def metrics(
    number: Annotated[
        int, typer.Option("--cases", min=1, help="Made-up cases: kinds of fault and systems in turn.")
    ] = CASES,
    seed: Annotated[int, typer.Option(help="The same seed makes the same cases.")] = SEED,
    suite: Annotated[
        Path | None, typer.Option(help="A folder in the RCAEval layout, instead of made-up cases.")
    ] = None,
    late: Annotated[int, typer.Option(min=0, help="Seconds from the fault until somebody noticed.")] = 0,
    save: Annotated[Path | None, typer.Option(help="Write the made-up cases below this folder, as a suite.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the figures here, as JSON.")] = None,
    original: Annotated[
        Path | None, typer.Option(help="Also run the authors' fse-baro, installed into this folder at first use.")
    ] = None,
) -> None:
    """Which service is at fault, from metrics alone: our ranking beside BARO's on the same cases."""
    console = Console()
    if save and not suite:
        _save(save, number=number, seed=seed)
    report = run(number=number, seed=seed, suite=suite, late=late)
    _print(console, report)
    if original:
        _print_original(console, original, report, number=number, seed=seed, suite=suite)
    if out:
        out.write_text(report.model_dump_json(indent=2) + "\n")


def _save(folder: Path, *, number: int, seed: int) -> None:
    for case in cases(number, seed):
        write_case(case, folder)


def _print(console: Console, report: MetricsReport) -> None:
    for table in tables(report):
        console.print(table)


def _print_original(
    console: Console, folder: Path, report: MetricsReport, *, number: int, seed: int, suite: Path | None
) -> None:
    found = compare(folder, suite_in(suite) if suite else cases(number, seed), report.late)
    console.print(f"fse-baro ranks all metrics of {found.same} of {found.cases} cases as BARO here does")
    alone = report.model_copy(update={"methods": (found.detecting,), "cases": found.detecting.accuracy["all"].cases})
    _print(console, alone)
