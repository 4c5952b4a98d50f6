"""`triagent evals run`: a result line a recorded incident, and the figures."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evals.cases import cases_in
from evals.cli import app
from evals.runner import CaseResult, case_id, planned, resumed, scored
from tests.agent.analysis.shapes import NAMESPACE, deployment, endpoints, service, well

RIGHT = {"fault_object": "app/cart", "root_cause": "service_selector_mismatch"}
CONTRACT = {"id", "causes", "claims", "plan", "tool_calls", "tokens", "seconds", "error"}


def record(folder: Path) -> None:
    """A case where the Service `cart` selects nothing."""
    folder.mkdir()
    items = [*well("catalog"), deployment("cart"), service("cart", selector={"app": "card"}), endpoints("cart", 0)]
    alert = {"status": "firing", "labels": {"alertname": "Bad"}, "startsAt": "2026-05-04T10:29:00Z"}
    header = {"schema": "incident-snapshot/v1", "id": folder.name, "system": "store", "namespace": NAMESPACE}
    files: dict[str, object] = {
        "case.json": {**header, "taken_at": "2026-05-04T10:30:00Z"},
        "webhook.json": {"version": "4", "groupKey": "{}", "status": "firing", "alerts": [alert]},
        "active_alerts.json": [],
        "manifests.json": {},
        "expected.json": RIGHT,
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "kubernetes.json.gz").write_bytes(gzip.compress(json.dumps({"items": items}).encode()))
    (folder / "logs.json.gz").write_bytes(gzip.compress(b"{}"))
    (folder / "metrics.om.gz").write_bytes(gzip.compress(b"# EOF\n"))


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Two good cases and a corrupt one between them."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "signals.yaml").write_text('probe_success: up_probe{namespace="$namespace"}\n')
    for name in ("case-1", "case-2", "case-3"):
        record(folder / name)
    (folder / "case-2" / "kubernetes.json.gz").write_bytes(b"not gzip")
    return folder


def evals_run(suite: Path, out: Path, planner: str = "offline") -> Result:
    """`triagent evals run` in one process."""
    arguments = ["run", str(suite), "--planner", planner, "--out", str(out), "--jobs", "1"]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)


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
    case = cases_in(suite)[0]
    first = planned(case).result
    (case.folder / "expected.json").write_text('{"fault_object": "node/n", "root_cause": "node_not_ready"}')
    lied_to = planned(cases_in(suite)[0]).result
    (case.folder / "expected.json").unlink()
    unlabelled = planned(cases_in(suite)[0]).result
    assert first.causes
    for other in (lied_to, unlabelled):
        assert other.model_copy(update={"seconds": first.seconds}) == first


def test_figures_are_by_system(suite: Path):
    """Hits, abstentions and claims of the cases that say what was wrong; none of them without labels."""
    shutil.rmtree(suite / "case-2")
    cases = cases_in(suite)
    outcomes = [planned(case) for case in cases]
    (figures,) = scored(cases, outcomes)
    assert (figures.system, figures.cases, figures.scored) == ("store", 2, 2)
    assert (figures.right, figures.right_cause, figures.right_in_top, figures.abstained) == (2, 2, 2, 0)
    assert figures.claims_verified == figures.claims_made > 0
    (cases[0].folder / "expected.json").write_text(json.dumps(RIGHT | {"fault_object": "app/catalog"}))
    (figures,) = scored(cases, outcomes)
    assert (figures.right, figures.right_cause) == (1, 2)
    for case in cases:
        (case.folder / "expected.json").unlink()
    assert scored(cases, outcomes) == ()


def test_a_case_without_a_readable_header_goes_by_its_folder(suite: Path, tmp_path: Path):
    """Its line can still be found, and skipped when the run goes on."""
    (suite / "case-1" / "case.json").write_text("{")
    assert case_id(cases_in(suite)[0]) == "case-1"
    out = tmp_path / "results.jsonl"
    assert evals_run(suite, out).exit_code == 0
    assert resumed(out)[0].error is not None


def test_what_cannot_run_is_refused(suite: Path, tmp_path: Path):
    """Exit code 2 for no suite, an empty one, a bad catalogue, another planner, and foreign or unwritable results."""
    out = tmp_path / "results.jsonl"
    missing = evals_run(tmp_path / "nowhere", out)
    assert (missing.exit_code, "no suite" in missing.output) == (2, True)
    (tmp_path / "empty").mkdir()
    shutil.copy(suite / "signals.yaml", tmp_path / "empty")
    assert evals_run(tmp_path / "empty", out).exit_code == 2
    (tmp_path / "empty" / "signals.yaml").write_text("{}")
    assert evals_run(tmp_path / "empty", out).exit_code == 2
    other = evals_run(suite, out, planner="model")
    assert (other.exit_code, "offline" in other.output) == (2, True)
    out.write_text('{"doc_id": 1}\n')
    foreign = evals_run(suite, out)
    assert (foreign.exit_code, "line 1" in foreign.output) == (2, True)
    assert out.read_text() == '{"doc_id": 1}\n'
    assert evals_run(suite, tmp_path / "no" / "folder.jsonl").exit_code == 2
