"""Every recorded history replays on the code of today: running workflows survive an upgrade."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic_ai.durable_exec.temporal import PydanticAIPlugin
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from service.worker import WORKFLOWS
from tests.workflows.world import AWAY, ScriptedPlanner, Thinking
from workflows import planning

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
EVENT_LIMIT = 256 * 1024


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path):
    """No command differs from the recording. Where one must, `workflow.patched` keeps the old path."""
    planning.install(ScriptedPlanner(*_thoughts(path)))
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


NOTHING = Thinking(causes=(), draft=None)
NOTHING_YET = Thinking(causes=())
THOUGHTS: dict[str, tuple[Thinking, ...]] = {
    "without_enough_evidence_a_human_is_called": (NOTHING,),
    "a_failure_that_is_with_a_human_is_not_opened_again": (NOTHING,),
    "what_is_never_to_be_seen_is_not_waited_for": (NOTHING,),
    "a_source_that_is_away_is_waited_for": (replace(NOTHING_YET, blindspots=(AWAY,)), Thinking()),
    "signals_of_a_young_alert_are_given_time": (NOTHING_YET, Thinking()),
    "cancelling_ends_the_wait_for_a_source": (replace(NOTHING_YET, blindspots=(AWAY,)),),
    "what_says_nothing_right_after_a_change_is_looked_at_again": (Thinking(), NOTHING_YET, Thinking()),
    "what_leads_to_no_plan_right_after_a_change_is_looked_at_again": (Thinking(), Thinking(draft=None), Thinking()),
    "a_cause_without_a_fitting_action_goes_to_a_human": (Thinking(draft=None),),
    "a_fallen_back_planner_is_named": (Thinking(fell_back="the model timed out"),),
    "a_known_pattern_needs_no_investigation": (Thinking(seconds=60),),
    "cancelling_during_the_investigation_ends_it": (Thinking(seconds=60),),
}


def _thoughts(path: Path) -> tuple[Thinking, ...]:
    """The planner thinks in workflow code, so that its script is part of the recording: by the test's name."""
    return THOUGHTS.get(path.stem.split(".")[0], (Thinking(),))
