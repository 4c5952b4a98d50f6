"""What the API asks of Temporal besides workflows."""

import asyncio
from datetime import timedelta

import pytest

from domain.actions import Action, ScaleWorkload
from domain.errors import UpstreamError, UpstreamRejected, UpstreamUnavailable
from domain.plans import PredictedEffect
from service import temporal
from service.temporal import TemporalEngine
from tests.workflows.conftest import PATIENCE, Stage, decided, firing
from tests.workflows.world import CHECKOUT, DRAFT
from workflows.messages import AlertBatch

pytestmark = pytest.mark.temporal


async def seen(engine: TemporalEngine) -> None:
    """Return once the engine sees a worker; its first poll comes a moment after its start."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await engine.worked()
            except UpstreamUnavailable:
                await asyncio.sleep(0.05)


async def test_a_worker_counts_while_it_asks_for_work(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """It is seen on its task queue; on another there is none; one that has been silent for long is gone."""
    await seen(stage.engine)
    nobody = TemporalEngine(stage.engine.address, "default", stage.options, task_queue="nobody")
    with pytest.raises(UpstreamUnavailable, match="worker: none asks for work on task queue 'nobody'"):
        await nobody.worked()
    monkeypatch.setattr(temporal, "SILENT", timedelta(0))
    with pytest.raises(UpstreamUnavailable, match="worker: none"):
        await stage.engine.worked()


async def test_what_temporal_refuses_is_about_the_batch(stage: Stage):
    """A group whose name is too long for a workflow id is refused; Temporal is not away for that."""
    batch = AlertBatch(batch_id="b", group_id="g" * 2000, alerts=(firing(),))
    with pytest.raises(UpstreamError, match="temporal: ") as caught:
        await stage.engine.deliver(batch)
    assert not isinstance(caught.value, UpstreamUnavailable)


async def test_without_temporal_nobody_knows(stage: Stage):
    """It is Temporal that cannot be reached."""
    away = TemporalEngine("127.0.0.1:9", "default", stage.options)
    with pytest.raises(UpstreamUnavailable, match="temporal: cannot reach"):
        await away.worked()


async def test_a_decision_that_failed_in_passing_can_be_sent_again(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """The same decision is tried anew once what it needed is back; after that it is answered as it was."""
    triage = await stage.start()
    reviewed = await stage.until(triage.id, "awaiting_approval")
    change = DRAFT.model_copy(update={"actions": (ScaleWorkload(workload=CHECKOUT, replicas=3),)})
    decision = decided(reviewed, "modify", draft=change)

    async def refused(action: Action) -> PredictedEffect:
        raise UpstreamRejected("kubernetes", "forbidden", 403)

    with monkeypatch.context() as away:
        away.setattr(stage.cluster, "preview", refused)
        for _ in range(2):
            with pytest.raises(UpstreamUnavailable, match="forbidden"):
                await stage.engine.decide(triage.id, decision)
    receipt = await stage.engine.decide(triage.id, decision)
    assert receipt.outcome == "modified"
    assert await stage.engine.decide(triage.id, decision) == receipt
    await triage.terminate()
