"""One run of the board: run, compare, write, print."""

import asyncio
from pathlib import Path

from rich.console import Console

from evals.scoreboard.baseline import regressions, updated
from evals.scoreboard.choice import Choice
from evals.scoreboard.page import page
from evals.scoreboard.running import run
from evals.scoreboard.tables import tables
from service.settings import Settings

WIDTH = 140
"""Columns of the tables, also where there is no terminal: logs scroll, and wrapped figures cannot be read."""
JSON, PAGE = "scoreboard.json", "scoreboard.html"


def held(choice: Choice, settings: Settings, out: Path, baseline: Path, *, update: bool) -> bool:
    """Whether nothing is worse than the baseline, after `out` has the board as JSON and as a page.

    Raises `Misconfigured` for suites, settings or a baseline that cannot be used.
    """
    console, errors = Console(width=max(WIDTH, Console().width)), Console(stderr=True)
    board = asyncio.run(run(choice, settings, lambda title: errors.print(f"· {title}", highlight=False)))
    if update:
        updated(board, baseline)
    worse = regressions(board, baseline)
    out.mkdir(parents=True, exist_ok=True)
    (out / JSON).write_text(board.model_dump_json(indent=1) + "\n", encoding="utf-8")
    (out / PAGE).write_text(page(board, worse), encoding="utf-8")
    for table in tables(board, worse):
        console.print(table)
    console.print(f"{out / PAGE}, {out / JSON}")
    return not worse
