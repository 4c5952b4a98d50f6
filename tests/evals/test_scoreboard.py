"""The board: what counts as right, what counts as worse, and a page that needs nothing else."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from domain.errors import Misconfigured
from evals.cases import Expected
from evals.cli import app
from evals.results import NamedCause
from evals.scoreboard.baseline import regressions, updated
from evals.scoreboard.page import page
from evals.scoreboard.report import Board, Section, section_of
from evals.scoreboard.scores import CaseScore

OOM = Expected(fault_object="app/cart", root_cause="oom_killed")
PROBE = Expected(fault_object="app/till", root_cause="readiness_probe_incorrect_port")


def score(case: str, *ranks: int | None, faults: tuple[Expected, ...] = (OOM,), confidence: float = 0.9) -> CaseScore:
    """A case whose faults stand at `ranks`; without faults a healthy one, in which one rank means a false alarm."""
    named = NamedCause(cause="oom_killed", object="deployment/cart", confidence=confidence) if any(ranks) else None
    return CaseScore(
        case=case,
        system="shop",
        service=faults[0].fault_object if faults else "none",
        faults=faults,
        named=named,
        ranks=ranks if faults else (),
        cause_right=bool(faults) and ranks[0] == 1,
        abstained=named is None,
        seconds=0.5,
        claims_made=2,
        claims_verified=2,
    )


@pytest.mark.parametrize(
    ("found", "right"),
    [
        (score("first", 1), True),
        (score("second", 2), False),
        (score("missing", None), False),
        (score("well", faults=()), True),
        (score("false alarm", 1, faults=()), False),
        (score("both", 1, 3, faults=(OOM, PROBE)), True),
        (score("one of two", 1, None, faults=(OOM, PROBE)), False),
        (score("too low", 1, 4, faults=(OOM, PROBE)), False),
        (score("broken", 1).model_copy(update={"error": "no such file"}), False),
    ],
    ids=lambda item: item.case if isinstance(item, CaseScore) else "",
)
def test_right_is_rank_one_or_silence_or_both_in_the_top_three(found: CaseScore, right: bool):
    """One fault, none, or two; an error is never right."""
    assert found.right is right


def test_a_false_alarm_is_a_wrong_prediction():
    """Confidence in a fault that is not there counts against calibration; silence is no prediction."""
    alarm = score("alarm", 1, faults=()).prediction
    assert alarm is not None
    assert (alarm.confidence, alarm.right) == (0.9, False)
    assert score("well", faults=()).prediction is None


async def board(*scores: CaseScore) -> Board:
    """A board of one suite of incidents, and one other suite."""
    section = await section_of("incidents", "Our <own> incidents", scores)
    other = Section(name="retrieval", title="Retrieval", figures={"recall@1, alert": 0.93, "p95 ms": 3.0})
    return Board(short=False, planner="offline", sections=(section, other))


async def test_figures_come_from_the_cases():
    """Shares, calibration error and the causes that were taken for others."""
    made = await board(*(score(f"case-{at}", 1) for at in range(8)), score("x", 2, faults=(PROBE,)), score("y", None))
    (section, _) = made.sections
    assert section.figures["right"] == 0.8
    assert section.figures["abstained"] == 0.1
    assert section.figures["ECE"] == pytest.approx(0.9 - 8 / 9, abs=1e-3)
    assert section.confusion is not None
    assert set(section.confusion.causes) == {"oom_killed", "readiness_probe_incorrect_port", "(nothing)"}
    assert sum(map(sum, section.confusion.counts)) == 10


async def test_worse_than_the_baseline_is_a_regression_and_noise_is_not(tmp_path: Path):
    """One case less of a hundred is within tolerance, three are not; new sections and times are not compared."""
    baseline = tmp_path / "baseline.json"
    updated(await board(*(score(f"case-{at}", 1) for at in range(100))), baseline)
    assert "median seconds" not in json.loads(baseline.read_text())["incidents"]
    one = await board(*(score(f"case-{at}", 2 if at < 1 else 1) for at in range(100)))
    assert regressions(one, baseline) == ()
    three = await board(*(score(f"case-{at}", 2 if at < 3 else 1) for at in range(100)))
    assert {(item.section, item.figure) for item in regressions(three, baseline)} >= {("incidents", "right")}
    unverified = await board(*(score(f"case-{at}", 1).model_copy(update={"claims_verified": 1}) for at in range(100)))
    assert [item.figure for item in regressions(unverified, baseline)] == ["claims that verify"]
    short = three.model_copy(update={"short": True})
    assert regressions(short, baseline) == ()
    with pytest.raises(Misconfigured, match="--update-baseline"):
        regressions(one, tmp_path / "none.json")


async def test_the_page_needs_nothing_else():
    """No script, no link to anything outside; what people write is escaped; every plot has a title."""
    made = await board(*(score(f"case-{at}", 1) for at in range(30)), score("x", 2, faults=(PROBE,)))
    html = page(made, ())
    assert not re.search(r"<script|<link|@import|(?:src|href)=", html)
    assert "Our &lt;own&gt; incidents" in html
    assert "Our <own>" not in html
    plots = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(plots) >= 5
    assert all(re.match(r'<svg role="img"[^>]*><title>[^<]+</title><desc>', plot) for plot in plots)
    assert "Nothing is worse" in html
    assert "Leave one service out" in html


def test_a_suite_that_is_none_is_refused(tmp_path: Path):
    """In words: a suite that is not there, parts and numbers that there cannot be."""
    arguments = ["scoreboard", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    ended = CliRunner().invoke(app, ["transform", str(tmp_path / "nowhere"), "renamed", str(tmp_path / "x")])
    assert isinstance(ended.exception, Misconfigured)
    assert "no suite" in str(ended.exception)
    assert CliRunner().invoke(app, [*arguments, "--jobs", "0"]).exit_code == 2
    unknown = CliRunner().invoke(app, [*arguments, "--only", "gremlins"])
    assert (unknown.exit_code, "no part is called gremlins" in " ".join(unknown.output.split())) == (2, True)


def test_the_command_fails_on_a_regression_and_on_nothing_else(tmp_path: Path):
    """Exit code 0 against its own figures, 1 where a figure of the baseline was better, with the figure named."""
    baseline = tmp_path / "baseline.json"
    arguments = ["scoreboard", "--only", "retrieval", "--out", str(tmp_path / "out"), "--baseline", str(baseline)]
    assert CliRunner().invoke(app, [*arguments, "--update-baseline"]).exit_code == 0
    assert CliRunner().invoke(app, arguments).exit_code == 0
    known = json.loads(baseline.read_text())
    known["retrieval"]["recall@5, alert"] += 0.02
    baseline.write_text(json.dumps(known))
    worse = CliRunner().invoke(app, arguments)
    assert (worse.exit_code, "recall@5, alert" in worse.output) == (1, True)
    assert "Worse than the baseline" in (tmp_path / "out" / "scoreboard.html").read_text()


def test_suites_can_be_made_and_transformed_from_the_command_line(tmp_path: Path):
    """`synthesize` writes cases, `transform` makes others of them."""
    made = CliRunner().invoke(app, ["synthesize", str(tmp_path / "a"), "--per-cause", "1"])
    assert made.exit_code == 0
    blind = CliRunner().invoke(
        app, ["transform", str(tmp_path / "a"), "without-logs", str(tmp_path / "b"), "--most", "3"]
    )
    assert "3 cases" in blind.output
    assert len(list((tmp_path / "b").glob("*/case.json"))) == 3
