"""The board for a terminal."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table

from evals.scoreboard.baseline import Regression
from evals.scoreboard.page import SUMMARY, written
from evals.scoreboard.report import Board


def tables(board: Board, worse: Sequence[Regression]) -> Iterator[RenderableType]:
    """Incidents, held-out services, the other suites, and what has become worse."""
    incidents = [section for section in board.sections if section.scores]
    drawn = Table("incidents", *SUMMARY, "median s", "p95 s")
    for section in incidents:
        cells = (written(section.figures[name], name) if name in section.figures else "-" for name in SUMMARY)
        times = (f"{section.figures[name]:.2f}" for name in ("median seconds", "p95 seconds"))
        drawn.add_row(section.name, *cells, *times)
    if incidents:
        yield drawn
    if any(section.holdout for section in incidents):
        yield _held_out(board)
    for section in board.sections:
        if not section.scores:
            yield _figures(section.title, section.figures)
    if worse:
        yield _worse(worse)


def _held_out(board: Board) -> Table:
    drawn = Table("leave one service out", "in sample", "left out", "answered", "ECE stated", "ECE left out")
    for section in board.sections:
        for system, held in section.holdout.items():
            shares = (held.in_sample_right, held.left_out_right, held.left_out_answered)
            errors = (held.ece_stated, held.ece_left_out)
            cells = (*(f"{share:.1%}" for share in shares), *(f"{error:.3f}" for error in errors))
            drawn.add_row(f"{section.name}: {system}", *cells)
    return drawn


def _figures(title: str, figures: dict[str, float]) -> Table:
    drawn = Table(title, "")
    for name, value in figures.items():
        drawn.add_row(name, written(value, name))
    return drawn


def _worse(worse: Sequence[Regression]) -> Table:
    drawn = Table("worse than the baseline", "figure", "baseline", "now", "may differ by")
    for item in worse:
        drawn.add_row(item.section, item.figure, f"{item.baseline:g}", f"{item.now:g}", f"{item.allowed:g}")
    return drawn
