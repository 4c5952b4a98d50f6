"""Every recorded history replays on the code of today: running workflows survive an upgrade."""

from collections import Counter
from pathlib import Path

import pytest
from pydantic_ai.durable_exec.temporal import PydanticAIPlugin
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from service.worker import WORKFLOWS
from tests.workflows.world import ScriptedPlanner, Thinking
from workflows import planning

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
EVENT_LIMIT = 256 * 1024


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path):
    """No command differs from the recording. Where one must, `workflow.patched` keeps the old path."""
    planning.install(ScriptedPlanner(_thinking(path)))
    history = WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))
    await Replayer(workflows=WORKFLOWS, plugins=[PydanticAIPlugin()]).replay_workflow(history)


def test_every_workflow_has_recorded_histories():
    """A workflow without a recording could be broken unseen."""
    recorded = Counter(path.stem.split(".")[1] for path in HISTORIES)
    assert set(recorded) == {"AlertCorrelation", "IncidentTriage", "ChangeExecution"}
    assert min(recorded.values()) >= 5


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_no_event_comes_near_the_server_s_limit(path: Path):
    """Payloads stay small: summaries and digests, not raw output."""
    history = WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))
    assert max(event.ByteSize() for event in history.events) < EVENT_LIMIT


def _thinking(path: Path) -> Thinking:
    """The planner thinks in workflow code, so that its script is part of the recording: by the test's name."""
    test = path.stem.split(".")[0]
    if test in {"without_enough_evidence_a_human_is_called", "a_failure_that_is_with_a_human_is_not_opened_again"}:
        return Thinking(causes=(), draft=None)
    if test == "a_cause_without_a_fitting_action_goes_to_a_human":
        return Thinking(draft=None)
    if test == "a_fallen_back_planner_is_named":
        return Thinking(fell_back="the model timed out")
    if test in {"a_known_pattern_needs_no_investigation", "cancelling_during_the_investigation_ends_it"}:
        return Thinking(seconds=60)
    return Thinking()
