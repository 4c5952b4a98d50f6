"""IncidentTriage: START → PATTERN_LOOKUP → TRIAGE → REMEDIATION → VERIFICATION → DOCUMENTATION → END."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NoReturn, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, FailureError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from agent.advice import advice
    from agent.investigation import Brief, ToolStep
    from domain.alerts import Alert, AlertGroup, merge_alerts
    from domain.approvals import Decision
    from domain.diagnosis import Diagnosis
    from domain.errors import TriagentError
    from domain.evidence import Evidence
    from domain.facts import IncidentStatus
    from domain.inventory import Inventory
    from domain.learning import Pattern, query_about
    from domain.plans import PlanDraft
    from workflows.activities.backlog import BacklogActivities, LookupResult, RecheckInput
    from workflows.activities.preparation import Preparation, PrepareInput
    from workflows.activities.records import Records, RelatedInput
    from workflows.documentation import Documentation, Ended, reason_of
    from workflows.execution import ChangeExecution
    from workflows.gate import Gate
    from workflows.messages import (
        DecisionReceipt,
        ExecutionInput,
        ExecutionResult,
        TriageInput,
        TriageResult,
    )
    from workflows.options import LOOK, PERSIST, PREPARE, TASK_TIMEOUT
    from workflows.planning import planner
    from workflows.recording import Recorder
    from workflows.visibility import show

PLAN_VERSIONS = 10
"""How often a plan may be asked for again (drift, modification) before a human is called instead."""

SETTLING = (timedelta(seconds=5), timedelta(seconds=15))
"""Pauses before an investigation is repeated that came to no plan right after somebody changed the object."""

OUTAGE = (timedelta(seconds=5), timedelta(seconds=20), timedelta(seconds=30))
"""Pauses before one is repeated that found nothing while a source was away."""

YOUNG = timedelta(seconds=30)
"""Since an alert started: the signals behind it may have too few points yet to stand out."""

RIPENING = (timedelta(seconds=15),)
"""Pauses before one is repeated that found nothing right after the alert had started."""

CANCEL_AGAIN = 0.5
"""Seconds. Whatever takes a cancelled activity for one that failed goes on with something else: cancel that, too."""

NOTHING_FOUND = LookupResult(matches=(), known=None)

T = TypeVar("T")


class _Case:
    """What is known so far."""

    def __init__(self) -> None:
        self.diagnosis: Diagnosis | None = None
        self.draft: PlanDraft | None = None
        self.inventory = Inventory()
        self.evidence: dict[str, Evidence] = {}

    def learn(self, evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
        """Keep what is new of `evidence`, and return that."""
        new = tuple(item for item in evidence if item.id not in self.evidence)
        self.evidence.update((item.id, item) for item in new)
        return new


@workflow.defn(name="IncidentTriage")
class IncidentTriage:
    """One incident from its first alert to its entry in the backlog."""

    @workflow.init
    def __init__(self, request: TriageInput) -> None:
        """Nothing has happened yet."""
        self._request = request
        self._group = AlertGroup(group_id=request.group_id, alerts=request.alerts)
        self._recorder = Recorder(request.incident_id, request.incident_id)
        self._gate = Gate(request.incident_id)
        self._case = _Case()
        self._executing: str | None = None
        self._opened_at = workflow.now()

    @workflow.run
    async def run(self, request: TriageInput) -> TriageResult:
        """Go through the phases; whatever ends the incident is documented."""
        await self._open()
        try:
            await self._until_stopped(self._diagnose())
            await self._remediate()
        except Ended as end:
            ended = end
        except asyncio.CancelledError:
            ended = Ended("cancelled", "its workflow was cancelled")
        except FailureError as error:
            ended = Ended("escalated", f"the triage failed: {error.cause or error}")
        await self._close(ended)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return TriageResult(incident_id=request.incident_id, status=ended.status, reason=ended.reason)

    @workflow.signal(name="AlertsChanged")
    async def alerts_changed(self, alerts: tuple[Alert, ...]) -> None:
        """News of the group's alerts."""
        merged = merge_alerts(self._group.alerts, alerts)
        if merged != self._group.alerts:
            self._group = self._group.model_copy(update={"alerts": merged})
            await self._recorder.record("AlertsUpdated", {"alerts": merged})

    @workflow.update(name="decide")
    async def decide(self, decision: Decision) -> DecisionReceipt:
        """A human decision; the caller learns what came of it."""
        return await self._take(decision)

    @decide.validator
    def _admit(self, decision: Decision) -> None:
        try:
            self._gate.check(decision)
        except TriagentError as error:
            raise ApplicationError(str(error), type=type(error).__name__, non_retryable=True) from error

    @workflow.signal(name="ApproveRemediation")
    async def approve_remediation(self, decision: Decision) -> None:
        """Approve, from another system."""
        await self._take_signal(decision, "approve")

    @workflow.signal(name="RejectRemediation")
    async def reject_remediation(self, decision: Decision) -> None:
        """Reject, from another system."""
        await self._take_signal(decision, "reject")

    @workflow.signal(name="ModifyRemediation")
    async def modify_remediation(self, decision: Decision) -> None:
        """Change the plan and ask again, from another system."""
        await self._take_signal(decision, "modify")

    @workflow.signal(name="EscalateIncident")
    async def escalate_incident(self, decision: Decision) -> None:
        """Call a human, from another system."""
        await self._take_signal(decision, "escalate")

    @workflow.signal(name="CancelTriage")
    async def cancel_triage(self, decision: Decision) -> None:
        """Stop, from another system."""
        await self._take_signal(decision, "cancel")

    # --- START

    async def _open(self) -> None:
        self._show("triaging")
        await self._recorder.record(
            "IncidentOpened",
            {
                "title": self._group.title,
                "severity": self._group.severity,
                "namespace": self._group.namespace,
                "service": self._group.service,
                "alerts": self._group.alerts,
                "group_id": self._group.group_id,
            },
        )

    # --- PATTERN_LOOKUP and TRIAGE

    async def _diagnose(self) -> None:
        found = await self._look_up()
        if not (found.known and found.known.pattern and await self._follow(found.known.pattern)):
            await self._investigate(found)
        if self._is_premature() and workflow.patched("look-again-once-back"):
            await self._wait_and_look(OUTAGE, self._is_premature)
        elif self._is_young() and workflow.patched("look-again-once-ripe"):
            await self._wait_and_look(RIPENING, lambda: not self._is_sure())
        await self._record_diagnosis()

    async def _record_diagnosis(self) -> None:
        if self._case.diagnosis is not None:
            await self._recorder.record("TriagePhaseCompleted", {"diagnosis": self._case.diagnosis})

    async def _look_up(self) -> LookupResult:
        try:
            query = query_about(self._group, self._looked_from)
            found = await workflow.execute_activity_method(BacklogActivities.lookup, query, **LOOK)
        except ActivityError as error:
            await self._recorder.record("PatternLookupCompleted", {"matches": (), "unavailable": reason_of(error)})
            return NOTHING_FOUND
        known = found.known.doc_id if found.known else None
        await self._recorder.record("PatternLookupCompleted", {"matches": found.matches, "known_pattern": known})
        return found

    def _brief(self, found: LookupResult) -> Brief:
        return Brief.about(self._group, self._request.incident_id, self._looked_from, found.matches)

    @property
    def _looked_from(self) -> datetime:
        """The moment the world is looked at from: now, but for a recorded incident."""
        return self._request.at or workflow.now()

    async def _follow(self, pattern: Pattern) -> bool:
        """A known pattern: see its cause again in live evidence, and its plan is ready without an investigation."""
        brief = self._brief(NOTHING_FOUND)
        try:
            seen = await workflow.execute_activity_method(
                BacklogActivities.recheck, RecheckInput(pattern=pattern, brief=brief), **LOOK
            )
        except ActivityError as error:
            fact = {"pattern_id": pattern.id, "confirmed": False, "reason": reason_of(error)}
            await self._recorder.record("PatternRechecked", fact)
            return False
        await self._step(ToolStep(tool="recheck_pattern", evidence=seen.evidence, seconds=0.0))
        fact = {"pattern_id": pattern.id, "confirmed": seen.confirmed, "reason": seen.reason}
        await self._recorder.record("PatternRechecked", fact)
        if seen.confirmed:
            self._case.diagnosis, self._case.draft, self._case.inventory = seen.diagnosis, seen.draft, seen.inventory
        return seen.confirmed

    async def _investigate(self, found: LookupResult) -> None:
        used = planner()
        result = await used.investigate(self._brief(found), self._step)
        if result.fell_back:
            fact = {"from_planner": used.name, "to_planner": result.planner, "reason": result.fell_back}
            await self._recorder.record("PlannerFellBack", fact)
        self._case.learn(result.evidence)
        self._case.diagnosis, self._case.draft, self._case.inventory = (
            result.diagnosis,
            result.draft,
            result.inventory,
        )

    async def _step(self, step: ToolStep) -> None:
        new = self._case.learn(step.evidence)
        fact = {"tool": step.tool, "evidence": new, "seconds": step.seconds}
        await self._recorder.record("EvidenceCollected", fact)

    # --- REMEDIATION

    async def _remediate(self) -> NoReturn:
        draft = await self._sound_draft()
        for version in range(1, PLAN_VERSIONS + 1):
            draft = await self._propose_and_execute(draft, version)
        raise Ended("escalated", "the plan had to be asked for too often")

    async def _sound_draft(self) -> PlanDraft:
        """The draft of a diagnosis that stands. Ends the incident where there is none."""
        diagnosis, draft = self._case.diagnosis, self._case.draft
        if diagnosis is None or not diagnosis.sufficient:
            if not self._group.firing:
                raise Ended("no_action", "the alerts cleared, and no fault was found")
            raise Ended("escalated", "insufficient evidence for a cause")
        await self._stand_back_for_others(diagnosis)
        if draft is None:
            told = advice(diagnosis.causes[0], self._case.inventory)
            raise Ended("escalated", f"no typed action addresses the cause; a human must act. {told}".rstrip())
        return draft

    async def _stand_back_for_others(self, diagnosis: Diagnosis) -> None:
        first = diagnosis.causes[0]
        related = await workflow.execute_activity_method(
            Records.related,
            RelatedInput(
                incident_id=self._request.incident_id,
                namespace=first.object.namespace or self._group.namespace,
                cause=first.cause,
                object=first.object,
                opened_at=self._opened_at,
                closed_since=workflow.now() - self._request.options.reopen_window,
            ),
            **PERSIST,
        )
        if related.incident_id:
            await self._recorder.record("IncidentLinked", {"other_incident": related.incident_id})
            raise Ended("no_action", f"the same cause is being dealt with in {related.incident_id}")

    async def _propose_and_execute(self, draft: PlanDraft, version: int) -> PlanDraft:
        """One round of the gate. Ends the incident, or returns the draft that must be asked for next."""
        await self._ask(draft, version)
        quiet = self._request.options.quiet_period
        verdict = await self._gate.verdict(quiet, lambda: not self._group.firing)
        match verdict:
            case "approved":
                return await self._execute()
            case "modified":
                await self._recorder.record("PlanVoided", {"digest": self._gate.digest, "reason": "modified"})
                return self._gate.take_modification()
            case "rejected":
                raise Ended("rejected", "a reviewer rejected the plan; nothing was written")
            case "expired":
                raise Ended("expired", "nobody decided before the plan expired; nothing was written")
            case "quiet":
                raise Ended("no_action", "the alerts cleared by themselves; nothing was written")
            case "escalated" | "cancelled":
                raise Ended(verdict, self._gate.stop_reason)

    async def _ask(self, draft: PlanDraft, version: int) -> None:
        try:
            prepared = await workflow.execute_activity_method(
                Preparation.prepare, self._preparation(draft, version), **PREPARE
            )
        except ActivityError as error:
            raise Ended("escalated", f"the plan could not be prepared: {reason_of(error)}") from error
        self._gate.open(prepared.plan, prepared.rule)
        await self._recorder.record(
            "RemediationProposed",
            {
                "plan": prepared.plan,
                "digest": prepared.plan.digest,
                "quorum": prepared.rule.quorum,
                "roles": prepared.rule.roles,
            },
        )
        self._show("awaiting_approval")

    def _preparation(self, draft: PlanDraft, version: int) -> PrepareInput:
        planned_by = self._case.diagnosis.planner if self._case.diagnosis else "unknown"
        return PrepareInput(
            incident_id=self._request.incident_id,
            version=version,
            draft=draft,
            inventory=self._case.inventory,
            evidence_digests=tuple(sorted({item.digest for item in self._case.evidence.values()})),
            proposed_by=(planned_by, *self._gate.authors)[-1],
            at=workflow.now(),
        )

    async def _execute(self) -> PlanDraft:
        self._show("executing")
        approval = self._gate.approval
        try:
            change = await workflow.start_child_workflow(
                ChangeExecution.run,
                ExecutionInput(plan=approval.plan, approvals=approval.decisions, options=self._request.options),
                id=f"{self._request.incident_id}-change-{approval.plan.version}",
                task_timeout=TASK_TIMEOUT,
                # Whatever becomes of the triage, what was begun is verified or undone.
                parent_close_policy=ParentClosePolicy.ABANDON,
            )
            self._executing = change.id
            if self._gate.stopped:
                await self._stop_execution(self._gate.stop_reason)
            result = await change
        except ChildWorkflowError as error:
            raise Ended("escalated", f"the change failed: {reason_of(error)}", held=False) from error
        finally:
            self._executing = None
        return await self._conclude(result)

    async def _conclude(self, result: ExecutionResult) -> PlanDraft:
        if result.outcome == "drifted":
            await self._recorder.record("PlanVoided", {"digest": self._gate.digest, "reason": result.reason})
            return await self._look_again()
        if result.outcome == "held":
            raise Ended("resolved", result.reason, held=True)
        if self._gate.stopped == "cancelled" and result.outcome == "undone":
            raise Ended("cancelled", result.reason, held=False)
        raise Ended("escalated", result.reason, held=False)

    async def _look_again(self) -> PlanDraft:
        """The world moved on since the review, so the diagnosis may have, too."""
        self._show("triaging")
        self._gate.authors = ()
        await self._until_stopped(self._investigate(NOTHING_FOUND))
        if self._lacks_a_plan() and workflow.patched("look-again-for-a-plan"):
            await self._until_stopped(self._wait_and_look(SETTLING, self._lacks_a_plan))
        elif not self._is_sure() and workflow.patched("look-again-once-settled"):
            await self._until_stopped(self._wait_and_look(SETTLING, lambda: not self._is_sure()))
        await self._record_diagnosis()
        return await self._sound_draft()

    async def _wait_and_look(self, pauses: Sequence[timedelta], unready: Callable[[], bool]) -> None:
        """Look again before a human is called: pods of a moment ago say nothing yet, a source may come back."""
        for pause in pauses:
            await workflow.sleep(pause)
            await self._investigate(NOTHING_FOUND)
            if not unready():
                return

    def _is_sure(self) -> bool:
        return self._case.diagnosis is not None and self._case.diagnosis.sufficient

    def _lacks_a_plan(self) -> bool:
        return not self._is_sure() or self._case.draft is None

    def _is_premature(self) -> bool:
        return self._case.diagnosis is not None and self._case.diagnosis.premature

    def _is_young(self) -> bool:
        """Nothing was found, but what fires has only just begun to."""
        young = self._request.at is None and workflow.now() - self._group.started_at < YOUNG
        return young and bool(self._group.firing) and not self._is_sure()

    # --- decisions

    async def _take(self, decision: Decision) -> DecisionReceipt:
        if decision.kind == "modify" and decision.draft is not None:
            await self._try_modification(decision.draft)
            self._admit(decision)  # meanwhile somebody else may have decided
        outcome = self._gate.record(decision)
        if self._executing and decision.kind in {"cancel", "escalate"}:
            await self._stop_execution(f"{decision.kind} by {decision.actor.name}")
        await self._recorder.record("DecisionRecorded", {"decision": decision, "outcome": outcome})
        return self._gate.receipt(outcome)

    async def _take_signal(self, decision: Decision, kind: str) -> None:
        if decision.kind != kind:
            workflow.logger.warning("a %s decision came as a %s signal", decision.kind, kind)
            return
        try:
            self._gate.check(decision)
            await self._take(decision)
        except (TriagentError, ApplicationError) as error:
            workflow.logger.warning("a signalled decision was refused: %s", error)

    async def _try_modification(self, draft: PlanDraft) -> None:
        """Prepare the modified plan once, so that a bad one is refused to its author and the old plan stands."""
        version = self._gate.approval.plan.version + 1
        try:
            await workflow.execute_activity_method(Preparation.prepare, self._preparation(draft, version), **PREPARE)
        except ActivityError as error:
            cause = error.cause
            kind = cause.type if isinstance(cause, ApplicationError) and cause.type else "InvalidPlan"
            raise ApplicationError(reason_of(error), type=kind, non_retryable=True) from error

    async def _stop_execution(self, reason: str) -> None:
        if self._executing is None:
            return
        change = workflow.get_external_workflow_handle_for(ChangeExecution.run, self._executing)
        try:
            await change.signal(ChangeExecution.stop, reason)
        except FailureError:
            workflow.logger.info("the change ended before it could be stopped")

    async def _until_stopped(self, work: Awaitable[T]) -> T:
        """Run `work`, unless a human stops the incident first."""
        task = asyncio.ensure_future(work)
        await workflow.wait_condition(lambda: task.done() or self._gate.stopped is not None)
        if task.done():
            return await task
        again = CANCEL_AGAIN if workflow.patched("cancel-until-it-ends") else None
        while not task.done():
            task.cancel()
            await workflow.wait([task], timeout=again)
        raise Ended(self._gate.stopped or "cancelled", self._gate.stop_reason)

    # --- DOCUMENTATION and END

    async def _close(self, end: Ended) -> None:
        self._gate.close(end.status)
        await Documentation(self._request.incident_id, self._recorder).close(end, self._group, self._case.diagnosis)

    def _show(self, status: IncidentStatus) -> None:
        show(self._group, status)
