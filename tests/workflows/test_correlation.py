import asyncio
from datetime import timedelta

import pytest

from domain.facts import FINAL
from service.temporal import TemporalEngine
from tests.workflows.conftest import Stage, firing
from workflows.messages import AlertBatch

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


async def test_a_group_that_remembers_nothing_loses_nothing(stage: Stage):
    """With a reopen window of zero the group ends when it is idle, never with news unread."""
    options = stage.options.model_copy(update={"reopen_window": timedelta(0)})
    engine = TemporalEngine(stage.engine.address, "default", options, task_queue=stage.engine.task_queue)
    for number in range(5):
        batch = AlertBatch(batch_id=f"b{number}", group_id=f"{engine.task_queue}-z{number}", alerts=(firing(),))
        await engine.deliver(batch)
    assert len(await settled(stage, 5)) == 5
