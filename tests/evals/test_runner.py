"""`triagent evals run`: a result line a recorded incident, and the figures."""

import gzip
import json
import shutil
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner, Result

from domain.errors import Misconfigured, TriagentError
from evals.cases import cases_in, suite_in
from evals.cli import app
from evals.figures import scored
from evals.loop import with_planner
from evals.recordings import write
from evals.results import CaseResult, Outcome, resumed
from evals.runner import run
from service.settings import load_settings
from tests.evals.replay.recorded import CATALOGUE, recording

RIGHT = {"fault_object": "app/cart", "root_cause": "service_selector_mismatch"}
CONTRACT = {"id", "causes", "claims", "plan", "tool_calls", "tokens", "seconds", "error"}

pytestmark = pytest.mark.servers


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Two good cases and a corrupt one between them."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "signals.yaml").write_text(CATALOGUE)
    for name in ("case-1", "case-2", "case-3"):
        write(recording(name), folder)
        (folder / name / "expected.json").write_text(json.dumps(RIGHT))
    (folder / "case-2" / "kubernetes.json.gz").write_bytes(b"not gzip")
    return folder


def evals_run(suite: Path, out: Path, planner: str = "offline") -> Result:
    """`triagent evals run` with one process."""
    arguments = ["run", str(suite), "--planner", planner, "--out", str(out), "--jobs", "1"]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)


def outcomes_of(suite: Path) -> list[Outcome]:
    return list(run(cases_in(suite), load_settings({}), jobs=1))


def test_every_case_has_a_line_and_a_corrupt_one_is_named(suite: Path, tmp_path: Path):
    """In the suite's order, with the contract's fields; one bad folder costs only its own line."""
    out = tmp_path / "results.jsonl"
    finished = evals_run(suite, out)
    assert finished.exit_code == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in lines] == ["case-1", "case-2", "case-3"]
    assert all(set(line) == CONTRACT for line in lines)
    assert lines[0]["causes"][0]["cause"] == RIGHT["root_cause"]
    assert lines[0]["claims"]
    assert lines[0]["plan"]["actions"] == [{"type": "sync_application", "application": "cart", "revision": "HEAD"}]
    assert lines[0]["tool_calls"] > 0
    assert lines[0]["error"] is None
    assert "kubernetes.json.gz" in lines[1]["error"]
    assert lines[1]["causes"] == []
    assert "3 cases with the offline planner, 1 with errors" in finished.output
    assert "2/3 (66.7%)" in finished.output


def test_a_run_goes_on_where_it_was_stopped(suite: Path, tmp_path: Path):
    """Whole lines stay as they are, a half-written one is planned again."""
    out = tmp_path / "results.jsonl"
    kept = CaseResult(id="case-1", seconds=77.0).model_dump_json() + "\n"
    out.write_text(kept + '{"id": "case-2", "cau')
    assert evals_run(suite, out).exit_code == 0
    assert out.read_text().startswith(kept)
    assert [result.id for result in resumed(out)] == ["case-1", "case-2", "case-3"]
    finished = out.read_bytes()
    assert evals_run(suite, out).exit_code == 0
    assert out.read_bytes() == finished


def test_what_is_expected_does_not_change_the_result(suite: Path):
    """Results are the same with another `expected.json`, and with none."""
    shutil.rmtree(suite / "case-2")
    (suite / "case-1" / "expected.json").write_text('{"fault_object": "node/n", "root_cause": "node_not_ready"}')
    (suite / "case-3" / "expected.json").unlink()
    lied_to, unlabelled = (outcome.result for outcome in outcomes_of(suite))
    assert lied_to.causes
    assert (lied_to.causes, lied_to.plan) == (unlabelled.causes, unlabelled.plan)


def test_figures_are_by_system(suite: Path):
    """Hits, abstentions and claims of the cases that say what was wrong; none of them without labels."""
    shutil.rmtree(suite / "case-2")
    cases = cases_in(suite)
    outcomes = outcomes_of(suite)
    (figures,) = scored(cases, outcomes)
    assert (figures.system, figures.cases, figures.scored) == ("store", 2, 2)
    assert (figures.right, figures.right_cause, figures.right_in_top, figures.abstained) == (2, 2, 2, 0)
    assert figures.claims_verified == figures.claims_made > 0
    assert figures.p95_start_seconds > 0
    (cases[0].folder / "expected.json").write_text(json.dumps(RIGHT | {"fault_object": "app/catalog"}))
    (figures,) = scored(cases, outcomes)
    assert (figures.right, figures.right_cause) == (1, 2)
    for case in cases:
        (case.folder / "expected.json").unlink()
    assert scored(cases, outcomes) == ()


def test_a_process_that_dies_costs_no_line(suite: Path):
    """Cases that were lost with it are planned by another one."""
    shutil.rmtree(suite / "case-2")
    outcomes = run(cases_in(suite), load_settings({}), jobs=1)
    seen = [next(outcomes)]
    for child in psutil.Process().children():
        if any("spawn_main" in part for part in child.cmdline()):
            child.kill()
    seen += outcomes
    assert [(outcome.result.id, outcome.result.error) for outcome in seen] == [("case-1", None), ("case-3", None)]


def test_folders_that_are_no_cases_are_named(suite: Path, tmp_path: Path):
    """One without `case.json` and a second one of an id have no line; one that cannot be read goes by its folder."""
    (suite / "case-1" / "case.json").write_text("{")
    (suite / "notes").mkdir()
    shutil.copytree(suite / "case-3", suite / "case-4")
    found = suite_in(suite)
    assert [(item.folder.name, item.reason) for item in found.skipped] == [
        ("case-4", "it has the id case-3, as case-3 has"),
        ("notes", "it has no case.json"),
    ]
    out = tmp_path / "results.jsonl"
    finished = evals_run(suite, out)
    assert finished.exit_code == 0
    assert "case-4" in finished.output
    assert "notes" in finished.output
    assert [result.id for result in resumed(out)] == ["case-1", "case-2", "case-3"]
    assert "case.json" in (resumed(out)[0].error or "")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("webhook.json", b'{"version": "4", "groupKey": "g", "status": "firing", "alerts": []}'),
        ("webhook.json", b"[]"),
        ("kubernetes.json.gz", b"{}"),
        ("manifests.json", b"[1]"),
        ("metrics.om.gz", b"not metrics\n"),
        ("case.json", b'{"schema": "other/v9", "id": "x", "system": "s", "namespace": "n", "taken_at": "2026-01-01"}'),
    ],
)
def test_every_corrupt_file_is_an_error_in_words(suite: Path, name: str, content: bytes):
    """Whatever is wrong with a case, its line says which folder, and no exception of a library leaks into it."""
    shutil.rmtree(suite / "case-2")
    shutil.rmtree(suite / "case-3")
    (suite / "case-1" / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    (outcome,) = outcomes_of(suite)
    error = outcome.result.error or ""
    assert "case-1" in error
    assert "Error:" not in error
    assert "pydantic" not in error


def test_what_cannot_run_is_refused(suite: Path, tmp_path: Path):
    """No suite, an empty one, a bad catalogue, an impossible planner, foreign or unwritable results."""
    out = tmp_path / "results.jsonl"
    with pytest.raises(Misconfigured, match="no suite"):
        evals_run(tmp_path / "nowhere", out)
    (tmp_path / "empty").mkdir()
    shutil.copy(suite / "signals.yaml", tmp_path / "empty")
    with pytest.raises(Misconfigured):
        evals_run(tmp_path / "empty", out)
    for catalogue in ("{}", "a: [", "- a"):
        (tmp_path / "empty" / "signals.yaml").write_text(catalogue)
        with pytest.raises(Misconfigured):
            evals_run(tmp_path / "empty", out)
    with pytest.raises(Misconfigured, match="--planner model"):
        evals_run(suite, out, planner="model")
    out.write_text('{"doc_id": 1}\n')
    with pytest.raises(TriagentError, match="line 1"):
        evals_run(suite, out)
    assert out.read_text() == '{"doc_id": 1}\n'
    with pytest.raises(Misconfigured):
        evals_run(suite, tmp_path / "no" / "folder.jsonl")


def test_any_model_of_the_settings_may_plan():
    """By its id, with what the settings have for it; without that it is refused by name."""
    keyed = load_settings({"TRIAGE_PLANNER__MODEL": "openai:gpt-5", "TRIAGE_PLANNER__API_KEY": "k"})
    assert with_planner(keyed, "openai:gpt-5-mini").planner.model == "openai:gpt-5-mini"
    assert with_planner(keyed, "offline").planner.api_key is None
    with pytest.raises(Misconfigured, match="TRIAGE_PLANNER__API_KEY"):
        with_planner(load_settings({}), "openai:gpt-5")
