"""The activities that change an application, over an Argo CD in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from domain.actions import RollbackApplication, SyncApplication
from domain.checks import ApplicationCheck, Check
from domain.errors import PreconditionDrift, UpstreamUnavailable
from domain.facts import Fact
from domain.inventory import ApplicationEntry, Deployed, Inventory
from domain.objectives import Objectives
from domain.plans import Plan, PlanDraft, PlannedAction, PredictedEffect
from domain.policy import Policy
from domain.signals import SignalCatalogue
from service.temporal import connect
from tests.domain.factories import alert, decision
from tests.service.builders import opened
from tests.tools.argo import NEW, NOW, OLD, REVIEWED, ROLLBACK, SYNC, Argo
from tests.tools.peers import FAST
from tests.workflows.world import QUICK, SIGNALS, MemoryFacts
from tools.argocd.preview import ArgoPreview
from tools.argocd.read import ArgoReader
from tools.argocd.write import ArgoWriter
from tools.artifacts import MemoryArtifacts
from tools.http import Upstream
from workflows.activities.changes import ApplicationChanges
from workflows.activities.holding import Holding
from workflows.activities.preparation import Preparation, PrepareInput
from workflows.activities.records import Records
from workflows.activities.settling import Settling
from workflows.activities.verification import Verification
from workflows.execution import ChangeExecution
from workflows.messages import (
    ApplyInput,
    ApplyResult,
    ExecutionInput,
    ExecutionResult,
    SettleInput,
    SettleResult,
    TriageOptions,
)

ApplicationAction = SyncApplication | RollbackApplication


def upstream(argo: Argo) -> Upstream:
    transport = httpx.MockTransport(argo)
    return Upstream("argocd", "http://argocd.test", artifacts=MemoryArtifacts(), policy=FAST, transport=transport)


class Ledger(MemoryFacts):
    """Facts of a change that no incident was opened for."""

    async def append(self, facts: Sequence[Fact]) -> None:
        self.facts.extend(facts)


SEEN = Inventory(
    applications=(
        ApplicationEntry(
            name="shop",
            namespace="shop",
            target_revision="HEAD",
            history=(Deployed(history_id=0, revision=OLD), Deployed(history_id=1, revision=NEW)),
        ),
    )
)


NEVER_HEALTHY = ApplicationCheck(application="shop")


async def prepared(argo: Argo, action: ApplicationAction, *checks: Check) -> Plan:
    """The plan that is put before its reviewers."""
    reader, facts = ArgoReader(upstream(argo)), MemoryFacts()
    await facts.append([opened("inc-1", alerts=(alert(status="resolved"),))])
    holding = Holding(
        incidents=facts, objectives=Objectives(), signals=SIGNALS, window="1m", prometheus=None, alertmanager=None
    )
    preparation = Preparation(
        Policy(),
        holding=holding,
        kubernetes=None,
        kubernetes_preview=None,
        argocd=reader,
        argocd_preview=ArgoPreview(reader, reader.upstream),
    )
    request = PrepareInput(
        incident_id="inc-1",
        version=1,
        draft=PlanDraft(actions=(action,), checks=checks or (NEVER_HEALTHY,)),
        inventory=SEEN,
        evidence_digests=(),
        proposed_by="ana",
        at=NOW,
    )
    return (await ActivityEnvironment().run(preparation.prepare, request)).plan


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


async def test_the_card_says_of_a_sync_that_it_cannot_be_undone():
    """With nothing to go back to, two people decide, and they are told."""
    (card,) = (await prepared(Argo(), SYNC)).actions
    assert (card.inverse, card.risk) == (None, "high")
    assert "It cannot be undone: its revision is deployed already" in card.predicted_effect.summary
    (other,) = (await prepared(Argo(), SYNC.model_copy(update={"revision": OLD}))).actions
    back = RollbackApplication(application="shop", history_id=1, revision=NEW)
    assert (other.inverse, other.risk) == (back, "medium")
    assert "cannot be undone" not in other.predicted_effect.summary


async def test_a_plan_to_sync_what_is_followed_names_the_commit():
    """What people approve is what is deployed, wherever HEAD is by then."""
    (card,) = (await prepared(Argo(head="c" * 40), SYNC.model_copy(update={"revision": "HEAD"}))).actions
    assert card.action == SYNC.model_copy(update={"revision": "c" * 40})
    assert "cccccccccccc" in card.predicted_effect.summary


@pytest.mark.parametrize("drafted", [None, NEW, "HEAD"], ids=["none", "another plan's", "a name that moves"])
async def test_the_checks_hold_an_application_to_the_planned_revision(drafted: str | None):
    """Also where a reviewer changed the action alone: what is well at another revision has not passed."""
    check = ApplicationCheck(application="shop", revision=drafted)
    other = ApplicationCheck(application="other")
    plan = await prepared(Argo(), SYNC.model_copy(update={"revision": OLD}), check, other)
    assert plan.checks == (ApplicationCheck(application="shop", revision=OLD), other)


@pytest.mark.temporal
async def test_a_sync_that_did_not_help_and_cannot_be_undone_is_left_to_a_human(temporal_address: str):
    """Nobody is told that every action was undone."""
    argo = Argo(prompt=True)
    result = await carried_out(temporal_address, argo, await prepared(argo, SYNC))
    assert result.outcome == "stuck"
    assert "not undone: sync application/shop to bbbbbbbbbbbb: It cannot be undone: " in result.reason
    assert len(argo.requests) == 1


async def carried_out(address: str, argo: Argo, plan: Plan) -> ExecutionResult:
    """What comes of an approved plan."""
    facts, client, queue = Ledger(), await connect(address, "default"), f"test-{uuid4().hex[:8]}"
    reader = ArgoReader(upstream(argo))
    changes = ApplicationChanges(ArgoWriter(reader.upstream))
    checks = Verification(
        signals=SignalCatalogue(signals={"error_ratio": "e"}),
        window="1m",
        store=facts,
        prometheus=None,
        alertmanager=None,
        kubernetes=None,
        argocd=reader,
    )
    activities = [
        *(changes.sync, changes.rollback),
        Settling(None, reader).settle,
        checks.check,
        Records(facts).append,
    ]
    async with Worker(client, task_queue=queue, workflows=[ChangeExecution], activities=activities):
        return await client.execute_workflow(
            ChangeExecution.run,
            ExecutionInput(plan=plan, approvals=(decision(plan),), options=TriageOptions(**QUICK)),
            id=queue,
            task_queue=queue,
        )
