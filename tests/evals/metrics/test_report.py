import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from domain.errors import InvalidInput
from evals.cli import app
from evals.metrics import ours
from evals.metrics.generator import cases
from evals.metrics.layout import Case, write_case
from evals.metrics.report import MetricsReport, run
from evals.metrics.scores import accuracy, place


@pytest.fixture(scope="module")
def report() -> MetricsReport:
    return run(number=24, seed=11)


def test_ours_is_ahead_of_baro_on_every_kind_of_fault(report: MetricsReport):
    """On cases that neither has seen; by far where a fault is felt by others more than by its own service."""
    for kind in ("cpu", "mem", "disk", "delay", "loss", "socket"):
        assert report.figure("triagent", kind).avg5 >= report.figure("BARO", kind).avg5
    assert report.figure("triagent").avg5 >= report.figure("BARO").avg5 + 0.1
    assert report.figure("triagent").ac1 >= 0.8


def test_knowing_the_calls_helps(report: MetricsReport):
    """The call graph tells victims from culprits: without it the ranking is no better."""
    assert report.figure("triagent").avg5 >= report.figure("triagent, calls unknown").avg5


def test_a_suite_from_files_is_ranked_like_the_cases_themselves(tmp_path: Path):
    """The figures of a written suite are those of the cases that were written."""
    for case in cases(4, 3):
        write_case(case, tmp_path)
    read, made = run(suite=tmp_path), run(number=4, seed=3)
    assert read.cases == 4
    assert [item.accuracy for item in read.methods] == [item.accuracy for item in made.methods]


def test_nothing_is_named_where_nothing_rose():
    """Flat metrics point at nobody; a method that always answers would be wrong."""
    flat = {("cart", name): (1.0,) * 40 for name in ("cpu", "mem", "latency-90")}
    case = Case("cart", "cpu", "1", inject_time=300, times=tuple(range(0, 600, 15)), columns=flat)
    assert ours.service_ranks(case, 300) == []


def test_figures_count_as_the_benchmark_does():
    """First, third, not at all: AC@1 one in three, AC@3 two in three, Avg@5 their mean over five depths."""
    places = [place("a", ["a"]), place("c-db", ["a", "b", "c"]), place("z", ["a"])]
    found = accuracy(places)
    assert places == [1, 3, None]
    assert (found.ac1, found.ac3, found.avg5) == pytest.approx((1 / 3, 2 / 3, (2 * 1 + 3 * 2) / 15), abs=1e-4)


def test_the_command_prints_and_writes(tmp_path: Path):
    """`triagent evals metrics` shows the methods side by side and leaves the same figures as JSON."""
    out = tmp_path / "figures.json"
    done = CliRunner().invoke(app, ["metrics", "--cases", "2", "--seed", "4", "--out", str(out), "--late", "60"])
    assert done.exit_code == 0, done.output
    assert "BARO" in done.output
    written = json.loads(out.read_text())
    assert (written["cases"], written["late"], len(written["methods"])) == (2, 60, 3)


def test_a_folder_that_is_no_suite_is_refused_in_words(tmp_path: Path):
    """A wrong path says what is missing."""
    done = CliRunner().invoke(app, ["metrics", "--suite", str(tmp_path)])
    assert isinstance(done.exception, InvalidInput)
    assert "no cases" in str(done.exception)
