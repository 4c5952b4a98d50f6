"""The activities that change an application, over an Argo CD in memory."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from temporalio.testing import ActivityEnvironment

from domain.actions import RollbackApplication, SyncApplication
from domain.errors import PreconditionDrift, UpstreamUnavailable
from domain.plans import PlannedAction, PredictedEffect
from tests.tools.argo import NEW, NOW, OLD, REVIEWED, ROLLBACK, SYNC, Argo
from tests.tools.peers import FAST
from tools.argocd.read import ArgoReader
from tools.argocd.write import ArgoWriter
from tools.artifacts import MemoryArtifacts
from tools.http import Upstream
from workflows.activities.changes import ApplicationChanges
from workflows.activities.settling import Settling
from workflows.messages import ApplyInput, ApplyResult, SettleInput, SettleResult

ApplicationAction = SyncApplication | RollbackApplication


def upstream(argo: Argo) -> Upstream:
    transport = httpx.MockTransport(argo)
    return Upstream("argocd", "http://argocd.test", artifacts=MemoryArtifacts(), policy=FAST, transport=transport)


def planned(action: ApplicationAction) -> PlannedAction:
    effect = PredictedEffect(summary="another revision")
    return PlannedAction(action=action, risk="medium", precondition=REVIEWED, predicted_effect=effect, inverse=None)


async def applied(argo: Argo, action: ApplicationAction, *, attempt: int) -> ApplyResult:
    """What that attempt of the write comes to."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, scheduled_time=NOW, attempt=attempt)
    changes = ApplicationChanges(ArgoWriter(upstream(argo)))
    write = changes.sync if isinstance(action, SyncApplication) else changes.rollback
    request = ApplyInput(planned=planned(action), precondition=REVIEWED, change_id="change-1")
    return await environment.run(write, request)


@pytest.mark.parametrize("action", [ROLLBACK, SYNC], ids=["rollback", "sync"])
async def test_a_deployment_before_the_first_attempt_is_somebody_elses(action: ApplicationAction):
    """The same revision, deployed between the order and our first look: drift, nothing is asked for."""
    argo = Argo()
    argo.start(action.revision)
    argo.finish()
    with pytest.raises(PreconditionDrift):
        await applied(argo, action, attempt=1)
    assert argo.requests == []


@pytest.mark.parametrize("action", [ROLLBACK, SYNC], ids=["rollback", "sync"])
async def test_the_attempt_after_a_lost_answer_finds_the_first(action: ApplicationAction):
    """One operation, although the first attempt did not learn that it had begun."""
    argo = Argo(lose=1)
    with pytest.raises(UpstreamUnavailable):
        await applied(argo, action, attempt=1)
    argo.finish()
    assert (await applied(argo, action, attempt=2)).already
    assert len(argo.requests) == 1


async def settled(argo: Argo, action: ApplicationAction) -> SettleResult:
    """What comes of the write."""
    settling = Settling(None, ArgoReader(upstream(argo)))
    return await ActivityEnvironment().run(settling.settle, SettleInput(planned=planned(action)))


async def test_an_operation_that_has_not_begun_is_waited_for():
    """What Argo CD shows of the operation before is not what came of ours."""
    argo = Argo()
    argo.start(NEW)
    argo.finish("Failed")
    argo.waiting = {"sync": {"revision": OLD}}
    settling = asyncio.create_task(settled(argo, ROLLBACK))
    await asyncio.sleep(0.2)
    assert not settling.done()
    argo.start(OLD)
    argo.finish()
    assert (await settling).after == REVIEWED.model_copy(update={"last_history_id": 2, "deployed_revision": OLD})


@pytest.mark.parametrize("action", [ROLLBACK, SYNC], ids=["rollback", "sync"])
@pytest.mark.parametrize("others", ["their revision", "our revision", "auto-sync"])
async def test_what_others_deploy_while_an_operation_settles_is_not_ours_to_undo(
    action: ApplicationAction, others: str
):
    """Another entry of the history, whichever its revision, or another policy: no state for an undo to rest on."""
    argo = Argo()
    argo.start(action.revision)
    argo.finish()
    if others == "auto-sync":
        argo.auto_sync = True
    else:
        argo.start("c" * 40 if others == "their revision" else action.revision)
        argo.finish()
    result = await settled(argo, action)
    assert result.after is None
    assert "somebody else" in result.detail


@pytest.mark.parametrize("action", [ROLLBACK, SYNC], ids=["rollback", "sync"])
async def test_what_a_failed_operation_leaves_can_be_undone(action: ApplicationAction):
    """It deployed nothing as a whole: the history is the reviewed one, to which the undo goes back."""
    argo = Argo()
    argo.start(action.revision)
    argo.finish("Failed")
    assert (await settled(argo, action)).after == REVIEWED
