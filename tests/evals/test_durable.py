"""`triagent evals run --temporal`: recorded incidents through the service's own workflow."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from domain.errors import Misconfigured
from evals.cli import app
from evals.recordings import write
from tests.agent.analysis.shapes import NAMESPACE
from tests.evals.replay.recorded import CATALOGUE, recording

OLD, NEW = "a" * 40, "b" * 40
APPLICATION = {
    "metadata": {"name": "cart", "namespace": "argocd", "uid": "u-1"},
    "spec": {
        "project": "default",
        "source": {"repoURL": "https://git.test/shop", "targetRevision": NEW},
        "destination": {"namespace": NAMESPACE},
    },
    "status": {
        "sync": {"status": "OutOfSync", "revision": NEW},
        "health": {"status": "Degraded"},
        "history": [{"id": 3, "revision": OLD, "deployedAt": "2026-05-01T10:00:00Z"}],
        "resources": [
            {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": NAMESPACE, "name": "cart"},
            {"version": "v1", "kind": "Service", "namespace": NAMESPACE, "name": "cart"},
        ],
    },
}

pytestmark = pytest.mark.servers


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """One case with Argo CD's history, so that a sync can be undone, one without, and a corrupt one."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "signals.yaml").write_text(CATALOGUE)
    write(recording("case-1", extra={"applications.json": json.dumps([APPLICATION]).encode()}), folder)
    write(recording("case-2"), folder)
    write(recording("case-3"), folder)
    (folder / "case-3" / "logs.json.gz").write_bytes(b"not gzip")
    return folder


def test_a_plan_waits_for_its_approval_and_nothing_else_is_asked_for(suite: Path, tmp_path: Path):
    """The workflow comes to a prepared plan; what cannot be undone is left to people; a bad case costs its own line."""
    out = tmp_path / "results.jsonl"
    arguments = ["run", str(suite), "--planner", "offline", "--temporal", "--out", str(out), "--jobs", "1"]
    finished = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"}, catch_exceptions=False)
    assert finished.exit_code == 0, finished.output
    first, second, third = (json.loads(line) for line in out.read_text().splitlines())
    assert [line["causes"][0]["cause"] for line in (first, second)] == ["service_selector_mismatch"] * 2
    assert first["plan"]["actions"] == [{"type": "sync_application", "application": "cart", "revision": OLD}]
    assert first["tool_calls"] > 0
    assert first["claims"]
    assert second["plan"] is None
    assert "logs.json.gz" in third["error"]
    assert "1 awaiting_approval" in finished.output
    assert "1 escalated" in finished.output


def test_a_language_models_spending_is_not_made_up(suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Facts do not say what a model spent, so the two do not go together."""
    monkeypatch.setenv("TRIAGE_PLANNER__MODEL", "openai:x")
    monkeypatch.setenv("TRIAGE_PLANNER__API_KEY", "unused")
    monkeypatch.setenv("TRIAGE_PLANNER__BASE_URL", "http://127.0.0.1:9/v1")
    out = tmp_path / "results.jsonl"
    arguments = ["run", str(suite), "--planner", "openai:x", "--temporal", "--out", str(out), "--jobs", "1"]
    with pytest.raises(Misconfigured, match="--planner offline"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
