import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from domain.actions import RestartWorkload, ScaleWorkload
from domain.diagnosis import Blindspot
from domain.errors import AlreadyDecided, Forbidden, InvalidPlan, NotFound, StaleDigest, UpstreamUnavailable
from domain.facts import Fact
from domain.learning import Pattern
from domain.objects import WorkloadRef
from domain.plans import PlanDraft
from domain.policy import ApprovalRule, Policy
from tests.workflows.conftest import Stage, decided, firing
from tests.workflows.world import AWAY, CHECKOUT, DRAFT
from workflows.messages import ExecutionResult
from workflows.triage import IncidentTriage

pytestmark = pytest.mark.temporal

PATTERN = Pattern(id="checkout-saturated", title="checkout saturated", origin="learned", cause="pod_cpu_overload")


async def test_an_approved_plan_is_carried_out_verified_and_documented(stage: Stage):
    """The main line, fact by fact, with the pattern lookup first and exactly one write."""
    triage = await stage.start()
    waiting = await stage.until(triage.id, "awaiting_approval")
    assert stage.cluster.writes == []
    receipt = await stage.decide(waiting)
    assert (receipt.outcome, receipt.approvals, receipt.quorum) == ("approved", 1, 1)
    result = await triage.result()
    assert result.status == "resolved"
    assert stage.cluster.writes == [ScaleWorkload(workload=CHECKOUT, replicas=4)]
    assert stage.facts.types(triage.id) == [
        "IncidentOpened",
        "PatternLookupCompleted",
        "EvidenceCollected",
        "TriagePhaseCompleted",
        "RemediationProposed",
        "DecisionRecorded",
        "RemediationApplied",
        "VerificationStarted",
        "VerificationCompleted",
        "DocumentationRequested",
        "DocumentationCompleted",
        "IncidentClosed",
    ]
    assert [item.outcome.partition(":")[0] for item in stage.library.items_] == ["resolved"]


async def test_a_known_pattern_needs_no_investigation(stage: Stage):
    """A known pattern is re-checked live, and its plan is ready without the planner."""
    stage.library.known = PATTERN
    stage.thinking.seconds = 60
    triage = await stage.start()
    waiting = await stage.until(triage.id, "awaiting_approval")
    assert waiting.pattern_id == PATTERN.id
    assert "PatternRechecked" in stage.facts.types(triage.id)
    await stage.decide(waiting)
    assert (await triage.result()).status == "resolved"


async def test_a_known_pattern_that_is_not_seen_again_is_not_followed(stage: Stage):
    """A failed re-check leads to a full investigation."""
    stage.library.known = PATTERN
    stage.thinking.confirmed = False
    triage = await stage.start()
    await stage.until(triage.id, "awaiting_approval")
    tools = [fact.tool for fact in stage.facts.facts if fact.type == "EvidenceCollected"]
    assert tools == ["recheck_pattern", "analyse_namespace"]
    await triage.terminate()


async def test_a_rejected_plan_writes_nothing(stage: Stage):
    """Rejection ends the incident without a single write."""
    triage = await stage.start()
    await stage.decide(await stage.until(triage.id, "awaiting_approval"), "reject")
    assert (await triage.result()).status == "rejected"
    assert stage.cluster.writes == []


async def test_a_plan_nobody_decides_expires(stage: Stage):
    """After the expiry nothing is written, a late decision is told so, and as it still fires somebody is called."""
    stage.policy = Policy(expiry=timedelta(seconds=1))
    async with stage.reworking():
        triage = await stage.start()
        waiting = await stage.until(triage.id, "awaiting_approval")
        assert (await triage.result()).status == "expired"
        with pytest.raises(NotFound):
            await stage.decide(waiting)
    assert stage.cluster.writes == []
    assert [page.incident_id for page in stage.pages.pages] == [triage.id]


async def test_without_a_write_identity_nobody_is_asked(stage: Stage):
    """What could not be carried out is not put up for approval; a human is told what it would have been."""
    stage.may_write = False
    async with stage.reworking():
        triage = await stage.start()
        result = await triage.result()
    assert result.status == "escalated"
    assert "cannot scale deployment/checkout to 4 replicas: no write identity for Kubernetes" in result.reason
    assert "RemediationProposed" not in stage.facts.types(triage.id)
    assert [page.incident_id for page in stage.pages.pages] == [triage.id]


async def test_a_plan_that_does_not_help_is_undone_and_a_human_paged(stage: Stage):
    """Failed verification: the inverse is written, and somebody is called."""
    stage.signals.value = 0.4
    triage = await stage.start()
    await stage.decide(await stage.until(triage.id, "awaiting_approval"))
    assert (await triage.result()).status == "escalated"
    assert [action.replicas for action in stage.cluster.writes] == [4, 2]
    assert [page.incident_id for page in stage.pages.pages] == [triage.id]
    assert stage.library.items_[0].outcome.startswith("escalated")


async def test_a_good_fix_of_a_workload_without_metrics_stays(stage: Stage):
    """Nothing measures its errors, before or after: nobody is paged for that, and the reviewer has read it."""
    stage.signals.value = None
    triage = await stage.start()
    waiting = await stage.until(triage.id, "awaiting_approval")
    assert "Not held to error_ratio of checkout" in waiting.plan.rationale
    await stage.decide(waiting)
    assert (await triage.result()).status == "resolved"
    assert stage.pages.pages == []


async def test_what_cannot_be_read_has_not_passed(stage: Stage):
    """With Prometheus down verification fails closed: the change is undone."""
    stage.signals.down = True
    triage = await stage.start()
    await stage.decide(await stage.until(triage.id, "awaiting_approval"))
    assert (await triage.result()).status == "escalated"
    assert [action.replicas for action in stage.cluster.writes] == [4, 2]


async def test_a_write_that_cannot_be_followed_is_left_to_a_human(stage: Stage):
    """It was written, and nobody knows what an undo would meet: the page says so, and the incident has the write."""
    stage.cluster.refusals = 1000
    triage = await stage.start()
    await stage.decide(await stage.until(triage.id, "awaiting_approval"))
    result = await triage.result()
    assert result.status == "escalated"
    assert "was written, but not followed" in result.reason
    assert "RemediationApplied" in stage.facts.types(triage.id)
    assert len(stage.cluster.writes) == len(stage.pages.pages) == 1


async def test_a_write_that_nobody_answered_for_is_not_called_undone(stage: Stage):
    """It was carried out, and no attempt heard of it: the page says that it may be in place."""
    stage.cluster.lost_answers, stage.cluster.gone = 1, True
    triage = await stage.start()
    await stage.decide(await stage.until(triage.id, "awaiting_approval"))
    result = await triage.result()
    assert (result.status, len(stage.cluster.writes)) == ("escalated", 1)
    assert "may have been carried out: " in stage.pages.pages[0].summary
    assert "every applied action was undone" not in result.reason


async def test_a_refusal_right_after_a_write_may_pass(stage: Stage):
    """An API server that has just come back refuses what it allows a moment later: the run sees the change through."""
    stage.cluster.refusals = 2
    triage = await stage.start()
    await stage.decide(await stage.until(triage.id, "awaiting_approval"))
    assert (await triage.result()).status == "resolved"
    assert (stage.cluster.refusals, len(stage.cluster.writes), stage.pages.pages) == (0, 1, [])


async def test_somebody_elses_change_is_not_undone(stage: Stage):
    """When the object changed after our write, the undo stands back and the page says so."""
    stage.signals.value = 0.4
    triage = await stage.start()
    await stage.verifying(triage.id)
    stage.cluster.drift()
    assert (await triage.result()).status == "escalated"
    assert len(stage.cluster.writes) == 1
    assert "not undone" in stage.pages.pages[0].summary


async def test_what_somebody_changes_while_a_write_settles_is_not_undone(stage: Stage):
    """What is found when the rollout has come to rest may be theirs: the undo stands back, and the page says so."""
    stage.signals.value = 0.4
    stage.cluster.meddled = True
    triage = await stage.start()
    await stage.decide(await stage.until(triage.id, "awaiting_approval"))
    assert (await triage.result()).status == "escalated"
    assert [action.replicas for action in stage.cluster.writes] == [4]
    assert "not undone: scale deployment/checkout to 2 replicas: " in stage.pages.pages[0].summary
    assert stage.facts.types(triage.id).count("RemediationRolledBack") == 1


async def test_drift_voids_the_approval_and_asks_again(stage: Stage):
    """A change between review and execution: nothing is written, and the new plan has a new digest."""
    triage = await stage.start()
    first = await stage.until(triage.id, "awaiting_approval")
    stage.cluster.drift()
    await stage.decide(first)
    again = await stage.until_plan(triage.id, version=2)
    assert stage.cluster.writes == []
    assert again.plan.digest != first.plan.digest
    with pytest.raises(StaleDigest):
        await stage.decide(again, digest=first.plan.digest)
    await stage.decide(again)
    assert (await triage.result()).status == "resolved"
    assert len(stage.cluster.writes) == 1


async def test_what_says_nothing_right_after_a_change_is_looked_at_again(stage: Stage):
    """A rollout that somebody just began has pods that do not fail yet: the plan comes once they do."""
    triage = await stage.start()
    first = await stage.until(triage.id, "awaiting_approval")
    stage.cluster.drift()
    seen, stage.thinking.causes = stage.thinking.causes, ()
    await stage.decide(first)
    await stage.until(triage.id, "triaging")
    await asyncio.sleep(1)
    stage.thinking.causes = seen
    await stage.decide(await stage.until_plan(triage.id, version=2))
    assert (await triage.result()).status == "resolved"


async def test_what_leads_to_no_plan_right_after_a_change_is_looked_at_again(stage: Stage):
    """An application that was just synced may look out of sync for a moment, which no plan mends."""
    triage = await stage.start()
    first = await stage.until(triage.id, "awaiting_approval")
    stage.cluster.drift()
    stage.thinking.draft = None
    await stage.decide(first)
    await stage.until_fact(triage.id, "EvidenceCollected", 2)
    stage.thinking.draft = DRAFT
    await stage.decide(await stage.until_plan(triage.id, version=2))
    assert (await triage.result()).status == "resolved"


async def test_a_lost_answer_does_not_write_twice(stage: Stage):
    """The write took effect but the answer was lost: the retry recognises its own change."""
    stage.cluster.lost_answers = 1
    triage = await stage.start()
    await stage.decide(await stage.until(triage.id, "awaiting_approval"))
    assert (await triage.result()).status == "resolved"
    assert len(stage.cluster.writes) == 1


async def test_a_modified_plan_is_asked_for_again_and_its_author_may_not_approve_it(stage: Stage):
    """Modify, then approve by somebody else; what runs is what was approved last."""
    triage = await stage.start()
    first = await stage.until(triage.id, "awaiting_approval")
    change = DRAFT.model_copy(update={"actions": (ScaleWorkload(workload=CHECKOUT, replicas=3),)})
    receipt = await stage.decide(first, "modify", by="ana", draft=change)
    assert receipt.outcome == "modified"
    again = await stage.until_plan(triage.id, version=2)
    with pytest.raises(Forbidden):
        await stage.decide(again, by="ana")
    await stage.decide(again, by="bo")
    assert (await triage.result()).status == "resolved"
    assert [action.replicas for action in stage.cluster.writes] == [3]


async def test_none_of_its_authors_approves_a_plan(stage: Stage):
    """Ana changes it, then Bo: neither of the two, however it went back and forth."""
    triage = await stage.start()
    for version, author in enumerate(("ana", "bo"), start=1):
        change = DRAFT.model_copy(update={"actions": (ScaleWorkload(workload=CHECKOUT, replicas=4 + version),)})
        await stage.decide(await stage.until_plan(triage.id, version=version), "modify", by=author, draft=change)
    last = await stage.until_plan(triage.id, version=3)
    for author in ("ana", "bo"):
        with pytest.raises(Forbidden):
            await stage.decide(last, by=author)
    assert (await stage.decide(last, by="cy")).outcome == "approved"
    assert (await triage.result()).status == "resolved"


async def test_a_modification_cannot_take_the_verification_away(stage: Stage):
    """Without checks of its own it is held to those of the plan it changes: what does not help is not resolved."""
    stage.signals.value = 0.35
    triage = await stage.start()
    first = await stage.until(triage.id, "awaiting_approval")
    change = PlanDraft(actions=(RestartWorkload(workload=CHECKOUT),))
    await stage.decide(first, "modify", by="ana", draft=change)
    again = await stage.until_plan(triage.id, version=2)
    assert again.plan.checks == first.plan.checks
    await stage.decide(again, by="bo")
    assert (await triage.result()).status == "escalated"
    assert stage.library.learned == []


@pytest.mark.parametrize(
    "action",
    [
        RestartWorkload(workload=WorkloadRef(namespace="shop", name="unseen")),
        RestartWorkload(workload=WorkloadRef(namespace="kube-system", name="coredns")),
        ScaleWorkload(workload=CHECKOUT, replicas=0),
    ],
)
async def test_a_bad_modification_is_refused_and_the_plan_stands(stage: Stage, action):
    """Unseen objects and what policy forbids: the author is told, the plan under review does not change."""
    triage = await stage.start()
    first = await stage.until(triage.id, "awaiting_approval")
    with pytest.raises(InvalidPlan):
        await stage.decide(first, "modify", draft=PlanDraft(actions=(action,)))
    await stage.decide(first, by="bo")
    assert (await triage.result()).status == "resolved"


async def test_high_risk_needs_two_people(stage: Stage):
    """With a quorum of two the first approval executes nothing."""
    stage.policy = Policy(
        rules={"low": ApprovalRule(quorum=2), "medium": ApprovalRule(quorum=2), "high": ApprovalRule(quorum=2)}
    )
    async with stage.reworking():
        triage = await stage.start()
        waiting = await stage.until(triage.id, "awaiting_approval")
        assert (await stage.decide(waiting, by="ana")).outcome == "pending"
        with pytest.raises(AlreadyDecided):
            await stage.decide(waiting, by="ana")
        assert stage.cluster.writes == []
        assert (await stage.decide(waiting, by="bo")).outcome == "approved"
        assert (await triage.result()).status == "resolved"


async def test_a_decision_delivered_twice_counts_once(stage: Stage):
    """The same decision id again gets the same answer and changes nothing."""
    triage = await stage.start()
    waiting = await stage.until(triage.id, "awaiting_approval")
    once = decided(waiting, "approve")
    first = await stage.engine.decide(waiting.id, once)
    second = await stage.engine.decide(waiting.id, once)
    assert first == second
    await triage.result()
    assert len(stage.cluster.writes) == 1


async def test_a_decision_that_no_worker_takes_can_be_sent_again(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """The caller is told to try again; the decision counts once, however often it was sent."""
    monkeypatch.setattr("service.temporal.DECISION_TIMEOUT", 1.0)
    async with stage.reworking():
        triage = await stage.start()
        waiting = await stage.until(triage.id, "awaiting_approval")
    sent = decided(waiting, "approve")
    with pytest.raises(UpstreamUnavailable, match="try again"):
        await stage.engine.decide(waiting.id, sent)
    monkeypatch.undo()
    async with stage.working():
        assert (await stage.engine.decide(waiting.id, sent)).outcome == "approved"
        assert (await triage.result()).status == "resolved"
    assert len(stage.cluster.writes) == 1


async def test_without_enough_evidence_a_human_is_called(stage: Stage):
    """No cause, no plan: the incident escalates and says why."""
    stage.thinking.causes, stage.thinking.draft = (), None
    triage = await stage.start()
    result = await triage.result()
    assert (result.status, result.reason) == ("escalated", "insufficient evidence for a cause")
    assert len(stage.pages.pages) == 1


async def test_a_source_that_is_away_is_waited_for(stage: Stage):
    """Nothing was found while Kubernetes was away: once it is back the triage goes on as if nothing had been."""
    seen, stage.thinking.causes = stage.thinking.causes, ()
    stage.thinking.blindspots = (AWAY,)
    triage = await stage.start()
    await stage.until(triage.id, "triaging")
    await asyncio.sleep(1)
    stage.thinking.causes, stage.thinking.blindspots = seen, ()
    await stage.decide(await stage.until(triage.id, "awaiting_approval"))
    assert (await triage.result()).status == "resolved"


async def test_cancelling_ends_the_wait_for_a_source(stage: Stage):
    """It ends at once, and nothing goes on behind the incident's back."""
    stage.thinking.causes, stage.thinking.blindspots = (), (AWAY,)
    triage = await stage.start()
    waiting = await stage.until(triage.id, "triaging")
    await asyncio.sleep(1)
    await stage.decide(waiting, "cancel")
    assert (await asyncio.wait_for(triage.result(), 4)).status == "cancelled"
    assert stage.facts.types(triage.id).count("EvidenceCollected") == 1
    assert stage.facts.types(triage.id)[-1] == "IncidentClosed"


async def test_signals_of_a_young_alert_are_given_time(stage: Stage):
    """Nothing stands out a moment after the alert has started: one more look before a human is called."""
    seen, stage.thinking.causes = stage.thinking.causes, ()
    triage = await stage.start(firing().model_copy(update={"starts_at": datetime.now(UTC)}))
    await stage.until(triage.id, "triaging")
    await asyncio.sleep(1)
    stage.thinking.causes = seen
    await stage.decide(await stage.until(triage.id, "awaiting_approval"))
    assert (await triage.result()).status == "resolved"
    assert stage.facts.types(triage.id).count("EvidenceCollected") == 2


async def test_what_is_never_to_be_seen_is_not_waited_for(stage: Stage):
    """A source that refuses will refuse again: a human is called at once."""
    stage.thinking.causes, stage.thinking.draft = (), None
    stage.thinking.blindspots = (Blindspot(source="kubernetes", reason="forbidden"),)
    triage = await stage.start()
    assert (await triage.result()).status == "escalated"
    assert stage.facts.types(triage.id).count("EvidenceCollected") == 1


async def test_a_cause_without_a_fitting_action_goes_to_a_human(stage: Stage):
    """A diagnosis whose cause no typed action addresses escalates with the diagnosis."""
    stage.thinking.draft = None
    triage = await stage.start()
    assert (await triage.result()).status == "escalated"
    assert stage.pages.pages[0].summary.endswith("checkout is saturated")


async def test_a_triage_goes_on_when_the_backlog_is_down(stage: Stage):
    """A failed pattern lookup is said, and the investigation happens all the same."""
    stage.library.down = True
    triage = await stage.start()
    await stage.until(triage.id, "awaiting_approval")
    lookup = next(fact for fact in stage.facts.facts if fact.type == "PatternLookupCompleted")
    assert "connection refused" in lookup.unavailable
    await triage.terminate()


async def test_a_fallen_back_planner_is_named(stage: Stage):
    """The incident says that another planner took over, and why."""
    stage.thinking.fell_back = "the model timed out"
    triage = await stage.start()
    await stage.until(triage.id, "awaiting_approval")
    fact = next(fact for fact in stage.facts.facts if fact.type == "PlannerFellBack")
    assert (fact.to_planner, fact.reason) == ("offline", "the model timed out")
    await triage.terminate()


async def test_cancelling_during_the_investigation_ends_it(stage: Stage):
    """Cancel does not wait for the planner, and nothing is written."""
    stage.thinking.seconds = 60
    triage = await stage.start()
    investigating = await stage.until(triage.id, "triaging")
    assert (await stage.decide(investigating, "cancel")).outcome == "cancelled"
    assert (await asyncio.wait_for(triage.result(), 20)).status == "cancelled"
    assert stage.cluster.writes == []


async def test_cancelling_during_execution_undoes_what_was_applied(stage: Stage):
    """Cancel while verifying: the write is put back."""
    stage.signals.value = 0.4
    triage = await stage.start()
    verifying = await stage.verifying(triage.id)
    await stage.decide(verifying, "cancel")
    assert (await triage.result()).status == "cancelled"
    assert [action.replicas for action in stage.cluster.writes] == [4, 2]


async def test_cancelling_what_cannot_be_undone_calls_a_human(stage: Stage):
    """Somebody else changed the object meanwhile: the undo stands back, and the incident is not just cancelled."""
    stage.signals.value = 0.4
    triage = await stage.start()
    verifying = await stage.verifying(triage.id)
    stage.cluster.drift()
    await stage.decide(verifying, "cancel")
    assert (await triage.result()).status == "escalated"
    assert "not undone" in stage.pages.pages[0].summary


async def test_cancelling_as_the_last_check_passes_still_undoes(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    """Who is told "cancelled" is not told "resolved" a moment later."""
    triage = await stage.start()
    append = stage.facts.append

    async def cancelling(facts: Sequence[Fact]) -> None:
        await append(facts)
        if any(fact.type == "VerificationCompleted" for fact in facts):
            cancel = decided(stage.facts.incidents[triage.id], "cancel")
            await stage.client.get_workflow_handle(triage.id).signal(IncidentTriage.cancel_triage, cancel)
            await stage.until_fact(triage.id, "DecisionRecorded", 2)

    monkeypatch.setattr(stage.facts, "append", cancelling)
    await stage.decide(await stage.until(triage.id, "awaiting_approval"))
    assert (await triage.result()).status == "cancelled"
    assert [action.replicas for action in stage.cluster.writes] == [4, 2]


async def test_cancelling_in_temporal_closes_the_incident(stage: Stage):
    """Its own way of cancelling, while a plan waits: nothing is written, and the record says how it ended."""
    triage = await stage.start()
    await stage.until(triage.id, "awaiting_approval")
    await triage.cancel()
    assert (await triage.result()).status == "cancelled"
    assert stage.facts.incidents[triage.id].status == "cancelled"


async def test_cancelling_in_temporal_undoes_what_was_applied(stage: Stage):
    """The same while it is verified."""
    stage.signals.value = 0.4
    triage = await stage.start()
    await stage.verifying(triage.id)
    await triage.cancel()
    assert (await triage.result()).status in {"cancelled", "escalated"}
    assert [action.replicas for action in stage.cluster.writes] == [4, 2]


async def test_a_change_outlives_its_triage(stage: Stage):
    """Terminated in Temporal: what was applied and does not help is still undone."""
    stage.signals.value = 0.4
    triage = await stage.start()
    await stage.verifying(triage.id)
    await triage.terminate()
    change = stage.client.get_workflow_handle(f"{triage.id}-change-1", result_type=ExecutionResult)
    assert (await change.result()).outcome == "undone"
    assert [action.replicas for action in stage.cluster.writes] == [4, 2]


async def test_escalating_calls_a_human_at_once(stage: Stage):
    """Escalation by a person ends the automation and pages."""
    triage = await stage.start()
    await stage.decide(await stage.until(triage.id, "awaiting_approval"), "escalate")
    assert (await triage.result()).status == "escalated"
    assert len(stage.pages.pages) == 1


async def test_signals_decide_by_the_same_rules(stage: Stage):
    """A stale signal is ignored; a good one approves."""
    triage = await stage.start()
    waiting = await stage.until(triage.id, "awaiting_approval")
    await triage.signal(IncidentTriage.approve_remediation, decided(waiting, "approve", digest="0" * 64))
    await triage.signal(IncidentTriage.approve_remediation, decided(waiting, "reject"))
    await asyncio.sleep(0.3)
    assert stage.facts.incidents[triage.id].status == "awaiting_approval"
    await triage.signal(IncidentTriage.approve_remediation, decided(waiting, "approve"))
    assert (await triage.result()).status == "resolved"


async def test_alerts_that_clear_by_themselves_close_the_incident(stage: Stage):
    """When every alert is resolved for the quiet period, nothing needs doing."""
    stage.options = stage.options.model_copy(update={"quiet_period": timedelta(milliseconds=300)})
    triage = await stage.start()
    await stage.until(triage.id, "awaiting_approval")
    await triage.signal(IncidentTriage.alerts_changed, args=[(firing(status="resolved"),)])
    assert (await triage.result()).status == "no_action"
    assert stage.cluster.writes == []


async def test_one_cause_gets_one_plan(stage: Stage):
    """A second incident with the same cause links to the first instead of asking for a second plan."""
    first = await stage.start()
    await stage.until(first.id, "awaiting_approval")
    second = await stage.start()
    result = await second.result()
    assert result.status == "no_action"
    assert stage.facts.incidents[second.id].related_to == first.id
    await first.terminate()


async def test_a_cause_that_a_human_has_in_hand_is_not_asked_for_again(stage: Stage):
    """After a fix that did not help, another alert of the same cause does not propose the same fix."""
    stage.signals.value = 0.4
    first = await stage.start()
    await stage.decide(await stage.until(first.id, "awaiting_approval"))
    assert (await first.result()).status == "escalated"
    second = await stage.start()
    assert (await second.result()).status == "no_action"
    assert stage.facts.incidents[second.id].related_to == first.id
    assert len(stage.pages.pages) == 1


async def test_of_two_triages_at_the_same_moment_one_asks(stage: Stage):
    """Eight alerts of one cause arrive together: one plan is up for review."""
    triages = await asyncio.gather(*(stage.start() for _ in range(8)))
    for ending in islice(asyncio.as_completed([triage.result() for triage in triages]), len(triages) - 1):
        assert (await ending).status == "no_action"
    statuses = sorted(stage.facts.incidents[triage.id].status for triage in triages)
    assert statuses == ["awaiting_approval", *["no_action"] * 7]
