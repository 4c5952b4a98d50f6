"""The board as one HTML page that needs nothing else: style and plots are in it, no script, no network."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evals.labels import HEALTHY
from evals.scoreboard.baseline import Regression
from evals.scoreboard.charts import Bar, Point, bars, matrix, shares, steps, unit_plot
from evals.scoreboard.report import Board, Section

LEAST_RISK_SHOWN = 0.05
SUMMARY = ("cases", "right", "cause right", "in top 3", "abstained", "claims that verify", "ECE", "median tool calls")
SHARES = frozenset(
    {
        "right",
        "right offline",
        "cause right",
        "in top 3",
        "abstained",
        "errors",
        "claims that verify",
        "endured",
        "within the target",
    }
)


def page(board: Board, worse: Sequence[Regression]) -> str:
    """The page."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    incidents = [section for section in board.sections if section.scores]
    return environment.get_template("page.html.j2").render(
        board=board,
        figure=written,
        incidents=incidents,
        others=[section for section in board.sections if not section.scores],
        summary=SUMMARY,
        overview=Markup(_overview(incidents)),  # noqa: S704 - made by charts, which escapes what it is given
        plots={section.name: _plots(section) for section in incidents},
        worse=worse,
    )


def written(value: float, name: str) -> str:
    """A figure for people."""
    if name in SHARES or name.startswith(("recall@", "AUROC", "Avg@5")):
        return f"{value:.1%}" if name in SHARES else f"{value:.3f}"
    return f"{value:.3f}" if name.startswith("ECE") else f"{value:g}"


def _overview(incidents: Sequence[Section]) -> str:
    found = [Bar(item.name, item.figures["right"], f"{item.figures['right']:.1%}") for item in incidents]
    return bars("Right, by suite", found)


def _plots(section: Section) -> list[tuple[str, Markup]]:
    """Titles and plots of one suite of incidents."""
    drawn = [("Right, by expected cause", bars(f"Right by cause, {section.name}", _by_cause(section)))]
    if section.confusion:
        title = "Causes taken for others (rows expected, columns named)"
        drawn.append((title, matrix(title, section.confusion.causes, section.confusion.counts)))
    drawn += _calibration(section)
    drawn.append(("Time", steps(f"Time, {section.name}", [item.seconds for item in section.scores], "seconds")))
    return [(title, Markup(plot)) for title, plot in drawn]  # noqa: S704 - made by charts, which escapes


def _by_cause(section: Section) -> list[Bar]:
    total, right = Counter[str](), Counter[str]()
    for score in section.scores:
        for cause in [fault.root_cause for fault in score.faults] or [HEALTHY]:
            total[cause] += 1
            right[cause] += score.right
    return shares((cause, right[cause], total[cause]) for cause in total)


def _calibration(section: Section) -> list[tuple[str, str]]:
    found = section.calibration
    if found is None:
        return []
    most = max(item.count for item in found.reliability)
    points = [
        Point(
            item.confidence,
            item.accuracy,
            f"{item.count} at {item.confidence:.2f}: {item.accuracy:.2f} right",
            item.count / most,
        )
        for item in found.reliability
    ]
    curve = [
        Point(
            item.coverage, item.risk, f"from {item.threshold:.2f}: {item.coverage:.0%} answered, {item.risk:.1%} wrong"
        )
        for item in found.risk_coverage
    ]
    top = max([LEAST_RISK_SHOWN, *(item.risk for item in found.risk_coverage)])
    return [
        (
            f"Calibration, ECE {found.ece_equal_width:.3f}",
            unit_plot("Calibration", ("stated confidence", "share right"), points, diagonal=True),
        ),
        (
            "Risk and coverage",
            unit_plot("Risk and coverage", ("share answered", "share of these wrong"), curve, top=top),
        ),
    ]
