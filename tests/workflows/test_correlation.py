import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.facts import FINAL
from service.lost import LostIncidents
from service.temporal import TemporalEngine
from tests.workflows.conftest import Stage, firing
from workflows.correlation import AlertCorrelation
from workflows.messages import AlertBatch, CorrelationInput, GroupState, TriageClosed

pytestmark = pytest.mark.temporal


async def settled(stage: Stage, count: int) -> list[str]:
    """Wait until that many incidents are known; returns their ids."""
    for _ in range(500):
        if len(stage.facts.incidents) >= count:
            break
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)
    return list(stage.facts.incidents)


async def test_one_group_has_one_open_incident(stage: Stage):
    """Repeats, flaps and further alerts of a group join the open incident."""
    await stage.deliver(firing())
    await stage.deliver(firing(), firing(name="HighLatency"))
    await stage.deliver(firing(status="resolved"))
    await stage.deliver(firing(minutes=5))
    ids = await settled(stage, 1)
    incident = await stage.until(ids[0], "awaiting_approval")
    await asyncio.sleep(0.5)
    assert len(stage.facts.incidents) == 1
    assert {alert.name for alert in stage.facts.incidents[incident.id].alerts} == {"HighErrorRatio", "HighLatency"}


async def test_thousands_of_alerts_are_one_incident(stage: Stage):
    """More than one message may carry: the group goes on, with as many as it can tell of."""
    told = {"annotations": {"description": "as long as some are. " * 50}}
    storm = tuple(firing(name=f"Alert{n}").model_copy(update=told) for n in range(3000))
    for first in range(0, len(storm), 300):
        await stage.deliver(*storm[first : first + 300])
    incident = await stage.until((await settled(stage, 1))[0], "awaiting_approval")
    await stage.deliver(firing(name="Alert0", status="resolved"))
    await stage.until_fact(incident.id, "AlertsUpdated")
    assert len(stage.facts.incidents) == 1
    assert sum(alert.status == "firing" for alert in stage.facts.incidents[incident.id].alerts) > 300


async def test_groups_do_not_share_incidents(stage: Stage):
    """Five groups, delivered at once, are five incidents."""
    await asyncio.gather(*(stage.deliver(firing(), group=f"g{n}") for n in range(5)))
    assert len(await settled(stage, 5)) == 5


async def test_a_resolved_notice_alone_opens_nothing(stage: Stage):
    """Out of order: resolved first, firing of the same episode after it."""
    await stage.deliver(firing(status="resolved"))
    await stage.deliver(firing())
    await asyncio.sleep(0.7)
    assert stage.facts.incidents == {}


async def test_the_same_failure_after_a_fix_is_a_new_incident(stage: Stage):
    """After a resolved incident the next firing starts another."""
    await stage.deliver(firing())
    first = await stage.until((await settled(stage, 1))[0], "awaiting_approval")
    await stage.decide(first)
    await stage.until(first.id, "resolved")
    await stage.deliver(firing(status="resolved"), firing(minutes=9))
    assert len(await settled(stage, 2)) == 2


async def test_firing_anew_with_the_same_start_is_a_new_incident(stage: Stage):
    """Prometheus kept the start over a break in which Alertmanager called it resolved."""
    await stage.deliver(firing())
    first = await stage.until((await settled(stage, 1))[0], "awaiting_approval")
    await stage.decide(first)
    await stage.until(first.id, "resolved")
    await stage.deliver(firing(status="resolved"))
    await stage.deliver(firing().model_copy(update={"refired": 1}))
    assert len(await settled(stage, 2)) == 2


async def test_a_failure_that_is_with_a_human_is_not_opened_again(stage: Stage):
    """Soon after an incident that was escalated, the alert firing again is the same story."""
    stage.thinking.causes, stage.thinking.draft = (), None
    await stage.deliver(firing())
    first = await stage.until((await settled(stage, 1))[0], "escalated")
    await asyncio.sleep(0.3)
    await stage.deliver(firing(status="resolved"), firing(minutes=9))
    await asyncio.sleep(0.7)
    assert list(stage.facts.incidents) == [first.id]
    assert first.status in FINAL


async def test_another_alert_of_the_group_is_not_with_a_human(stage: Stage):
    """They were told of errors, not of what starts now."""
    stage.thinking.causes, stage.thinking.draft = (), None
    await stage.deliver(firing())
    await stage.until((await settled(stage, 1))[0], "escalated")
    await stage.deliver(firing(name="DiskFull", minutes=9))
    assert len(await settled(stage, 2)) == 2


async def test_what_ended_by_itself_may_start_again(stage: Stage):
    """Nobody was told of an incident that was closed as quiet: the same alert, minutes later, opens another."""
    stage.options = stage.options.model_copy(update={"quiet_period": timedelta(milliseconds=300)})
    async with stage.reworking():
        await stage.deliver(firing())
        first = await stage.until((await settled(stage, 1))[0], "awaiting_approval")
        await stage.deliver(firing(status="resolved"))
        await stage.until(first.id, "no_action")
        await stage.deliver(firing(minutes=9))
        assert len(await settled(stage, 2)) == 2


async def test_a_terminated_triage_is_replaced(stage: Stage):
    """Its record is closed, and what fires goes on in another incident; what runs is left alone."""
    await stage.deliver(firing())
    first = await stage.until((await settled(stage, 1))[0], "awaiting_approval")
    lost = LostIncidents(stage.facts, stage.engine)
    await lost.sweep()
    assert stage.facts.incidents[first.id].status == "awaiting_approval"
    await stage.client.get_workflow_handle(first.id).terminate()
    await lost.sweep()
    assert stage.facts.incidents[first.id].status == "cancelled"
    second = (await settled(stage, 2))[1]
    await stage.until(second, "awaiting_approval")
    await lost.sweep()
    assert stage.facts.types(first.id).count("IncidentClosed") == 1


def test_an_end_that_was_not_read_yet_is_taken_over():
    """It came while the run before was about to continue as new."""
    closed = TriageClosed(incident_id="inc-1", status="resolved", at=datetime(2026, 1, 10, tzinfo=UTC))
    group = AlertCorrelation(CorrelationInput(group_id="g", state=GroupState(incident_id="inc-1", incident_open=True)))
    group.triage_closed(closed)
    assert group.carried().state.closed == (closed,)
    assert AlertCorrelation(group.carried()).carried() == group.carried()


async def test_a_group_that_remembers_nothing_loses_nothing(stage: Stage):
    """With a reopen window of zero the group ends when it is idle, never with news unread."""
    options = stage.options.model_copy(update={"reopen_window": timedelta(0)})
    engine = TemporalEngine(stage.engine.address, "default", options, task_queue=stage.engine.task_queue)
    for number in range(5):
        batch = AlertBatch(batch_id=f"b{number}", group_id=f"{engine.task_queue}-z{number}", alerts=(firing(),))
        await engine.deliver(batch)
    assert len(await settled(stage, 5)) == 5
