"""Whether anything has become worse than the committed baseline.

Only figures that do not depend on the machine are compared. `TOLERANCES` says by how much each may be worse: shares by
what one case of the set amounts to, at least a point; calibration errors by two points; and of what must hold without
exception nothing at all.
"""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from domain.errors import Misconfigured
from domain.model import Model
from evals.scoreboard.report import Board, Section

SHARE = 0.01
EXACT = 0.0
TOLERANCES: dict[str, tuple[int, float]] = {
    "right": (+1, SHARE),
    "cause right": (+1, SHARE),
    "in top 3": (+1, SHARE),
    "errors": (-1, EXACT),
    "claims that verify": (+1, EXACT),
    "median tool calls": (-1, 1.0),
    "ECE": (-1, 0.02),
    "violations": (-1, EXACT),
    "unread": (-1, EXACT),
    "endured": (+1, EXACT),
    "within the target": (+1, EXACT),
    "median tokens in": (-1, 500.0),
}
"""Figure to whether more is better (+1) or worse (-1), and by how much it may be worse. Others are not compared."""
BY_PREFIX: dict[str, tuple[int, float]] = {"recall@": (+1, 0.015), "AUROC": (+1, 0.02), "Avg@5 of triagent": (+1, 0.03)}
"""The same for figures that come in families."""
_BASELINE = TypeAdapter(dict[str, dict[str, float]])


class Regression(Model):
    """A figure that is worse than it may be."""

    section: str
    figure: str
    baseline: float
    now: float
    allowed: float


def regressions(board: Board, baseline: Path) -> tuple[Regression, ...]:
    """What is worse. Sections and figures that the baseline does not know are not compared. Raises `Misconfigured`."""
    known = _read(baseline)
    return tuple(
        item
        for section in board.sections
        for name, before in known.get(_key(board, section), {}).items()
        if (item := _worse(section, name, before)) is not None
    )


def updated(board: Board, baseline: Path) -> None:
    """Make the board the baseline for the sections it has; others stay."""
    known = _read(baseline) if baseline.exists() else {}
    for section in board.sections:
        known[_key(board, section)] = {name: value for name, value in section.figures.items() if tolerance(name)}
    baseline.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")


def tolerance(figure: str) -> tuple[int, float] | None:
    """Which way the figure is better, and by how much it may be worse; None for one that is not compared."""
    family = next((found for prefix, found in BY_PREFIX.items() if figure.startswith(prefix)), None)
    return TOLERANCES.get(figure, family)


def _worse(section: Section, name: str, before: float) -> Regression | None:
    rule, now = tolerance(name), section.figures.get(name)
    if rule is None or now is None:
        return None
    sign, allowed = rule
    if allowed == SHARE and section.scores:
        allowed = max(allowed, 1 / len(section.scores))
    if sign * (now - before) >= -allowed - 1e-9:
        return None
    return Regression(section=section.name, figure=name, baseline=before, now=now, allowed=allowed)


def _key(board: Board, section: Section) -> str:
    return f"{section.name} (short)" if board.short else section.name


def _read(path: Path) -> dict[str, dict[str, float]]:
    try:
        return _BASELINE.validate_json(path.read_bytes())
    except (OSError, ValidationError) as exc:
        raise Misconfigured(f"{path} is no baseline; make one with --update-baseline: {exc}") from exc
