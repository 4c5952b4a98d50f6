"""`triagent evals scoreboard | transform | synthesize`."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from domain.errors import Misconfigured
from evals.scoreboard.choice import PARTS, Choice
from evals.synthesis.suite import PER_CAUSE, SEED, generate
from evals.transforms.kinds import Kind
from evals.transforms.kinds import transform as transformed
from service.settings import load_settings

BASELINE = Path(__file__).parent / "baseline.json"


def scoreboard(
    suites: Annotated[list[Path] | None, typer.Argument(help="Suites of recorded incidents beside our own.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for scoreboard.json and scoreboard.html.")] = Path("scoreboard"),
    planner: Annotated[str, typer.Option(help="Who diagnoses: `offline`, or a model id.")] = "offline",
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; as many as there are CPUs by default.")] = None,
    short: Annotated[bool, typer.Option(help="A part of everything, for every change.")] = False,
    only: Annotated[list[str] | None, typer.Option(help=f"Only these parts: {', '.join(PARTS)}.")] = None,
    baseline: Annotated[
        Path, typer.Option(help="What to compare with.", show_default="evals/baseline.json")
    ] = BASELINE,
    update_baseline: Annotated[bool, typer.Option(help="Make this run the baseline.")] = False,
) -> None:
    """Run all suites, draw the board, and fail (exit code 1) where a figure is worse than the baseline allows."""
    if unknown := sorted(set(only or ()) - set(PARTS)):
        raise typer.BadParameter(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    choice = Choice(
        suites=tuple(suites or ()),
        planner=planner,
        jobs=jobs or os.cpu_count() or 1,
        short=short,
        parts=tuple(only or PARTS),
    )
    try:
        from evals.scoreboard.board import held  # noqa: PLC0415 - its pydantic-evals is there for development only
    except ModuleNotFoundError as error:
        raise Misconfigured(f"{error.name} is missing: `make setup` installs what the board needs") from error
    if not held(choice, load_settings(), out, baseline, update=update_baseline):
        raise typer.Exit(1)


def transform(
    suite: Annotated[Path, typer.Argument(help="Folder of recorded incidents and signals.yaml.")],
    kind: Annotated[Kind, typer.Argument(help="What to make of it.")],
    out: Annotated[Path, typer.Argument(help="Empty folder for the new suite.")],
    seed: Annotated[int, typer.Option(help="Decides names, donors and pairs.")] = 1,
    most: Annotated[int | None, typer.Option(min=1, help="Stop after this many cases.")] = None,
) -> None:
    """Make another suite of SUITE, in the same format."""
    result = transformed(suite, kind, out, seed=seed, most=most)
    errors = Console(stderr=True)
    for item in result.skipped:
        errors.print(f"[yellow]skipped {item.case}: {item.reason}[/yellow]", highlight=False)
    Console().print(f"{result.written} cases → {out}")


def synthesize(
    out: Annotated[Path, typer.Argument(help="Empty folder for the suite.")],
    seed: Annotated[int, typer.Option(help="Another seed, other worlds.")] = SEED,
    per_cause: Annotated[int, typer.Option(min=1, help="Incidents of each cause, on different services.")] = PER_CAUSE,
    healthy: Annotated[int, typer.Option(min=0, help="Healthy systems beside them.")] = 0,
) -> None:
    """Make a suite of incidents of invented systems; with the defaults, our own suite of the board."""
    written = generate(out, seed=seed, per_cause=per_cause, healthy_states=healthy)
    Console().print(f"{written} cases → {out}")
