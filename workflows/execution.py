"""ChangeExecution: carry out an approved plan, verify it, and put back what did not help."""

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.actions import Action, describe, target_of
    from domain.checks import CheckResult, describe_check
    from domain.inverses import no_way_back
    from domain.model import Model
    from domain.plans import PlannedAction, Precondition
    from workflows.activities.changes import activity_for
    from workflows.activities.settling import Settling
    from workflows.activities.verification import CheckInput, Verification
    from workflows.messages import (
        ApplyInput,
        ApplyResult,
        ExecutionInput,
        ExecutionResult,
        SettleInput,
        SettleResult,
    )
    from workflows.options import FINAL_ERRORS, LOOK, SETTLE, WRITE
    from workflows.recording import Recorder


class Done(Model):
    """An action that was applied, and what must still hold when it is undone; None where others changed it since."""

    planned: PlannedAction
    after: Precondition | None


class _NotApplied(Exception):
    def __init__(self, reason: str, drifted: bool) -> None:
        super().__init__(reason)
        self.drifted = drifted


class _NotKnown(Exception):
    """Whether it was written, or what came of it, could not be read: nobody knows what an undo would meet."""


@workflow.defn(name="ChangeExecution")
class ChangeExecution:
    """Write, settle, verify; on failure undo in reverse order."""

    @workflow.init
    def __init__(self, request: ExecutionInput) -> None:
        """Nothing is applied yet."""
        self._plan = request.plan
        self._options = request.options
        self._change = f"{request.plan.incident_id}-v{request.plan.version}"
        self._recorder = Recorder(request.plan.incident_id, f"{self._change}-x")
        self._done: list[Done] = []
        self._stopped: str | None = None

    @workflow.run
    async def run(self, request: ExecutionInput) -> ExecutionResult:
        """Apply the plan's actions in order; the approval is checked once more before the first."""
        self._refuse_unapproved(request)
        try:
            return await self._carry_out()
        except asyncio.CancelledError:
            return await self._undo_all("the change's workflow was cancelled")

    async def _carry_out(self) -> ExecutionResult:
        try:
            await self._apply_all()
        except _NotApplied as problem:
            if problem.drifted and not self._done:
                return ExecutionResult(outcome="drifted", reason=str(problem))
            return await self._undo_all(str(problem))
        except _NotKnown as problem:
            return await self._undo_all(str(problem), left=str(problem))
        if self._stopped:
            return await self._undo_all(self._stopped)
        if await self._verify():
            return ExecutionResult(outcome="held", reason="applied; every check held through the soak window")
        return await self._undo_all(self._stopped or "verification failed")

    @workflow.signal(name="Stop")
    def stop(self, reason: str) -> None:
        """Stop before the next action, and undo."""
        self._stopped = self._stopped or reason

    def _refuse_unapproved(self, request: ExecutionInput) -> None:
        """Defence in depth: this workflow is only started with approvals of exactly this plan."""
        approved = [d for d in request.approvals if d.kind == "approve" and d.plan_digest == request.plan.digest]
        if not approved:
            raise ApplicationError("no approval of this plan", type="Forbidden", non_retryable=True)

    # --- applying

    async def _apply_all(self) -> None:
        for number, planned in enumerate(self._plan.actions):
            if self._stopped:
                return
            await self._apply(planned, planned.precondition, f"{self._change}-{number}", undoing=False)

    async def _apply(
        self, planned: PlannedAction, precondition: Precondition, change_id: str, *, undoing: bool
    ) -> None:
        request = ApplyInput(planned=planned, precondition=precondition, change_id=change_id)
        try:
            result: ApplyResult = await workflow.execute_activity(
                activity_for(planned.action), request, result_type=ApplyResult, **WRITE
            )
        except ActivityError as error:
            raise await self._failed(planned.action, error, undoing=undoing) from error
        settled = await self._settle(planned, result, undoing=undoing)
        if not undoing:
            self._done.append(Done(planned=planned, after=settled.after))
            detail = "; ".join(text for text in (result.detail, settled.detail) if text)
            await self._recorder.record("RemediationApplied", {**_about(planned.action), "detail": detail})

    async def _settle(self, planned: PlannedAction, written: ApplyResult, *, undoing: bool) -> SettleResult:
        request = SettleInput(planned=planned, generation=written.generation)
        try:
            return await workflow.execute_activity_method(Settling.settle, request, **SETTLE)
        except ActivityError as error:
            reason = f"{describe(planned.action)} was written, but not followed: {error.cause or error}"
            if undoing:
                raise _NotApplied(reason, drifted=False) from error
            await self._recorder.record("RemediationApplied", {**_about(planned.action), "detail": reason})
            raise _NotKnown(reason) from error

    async def _failed(self, action: Action, error: ActivityError, *, undoing: bool) -> _NotApplied | _NotKnown:
        """Refused, and so not written; or there was no answer to the last attempt, which may have been carried out."""
        kind = error.cause.type if isinstance(error.cause, ApplicationError) else None
        refused = kind in FINAL_ERRORS
        reason = str(error.cause or error)
        if not refused:
            reason = f"{describe(action)} may have been carried out: {reason}"
        if not undoing:
            await self._recorder.record("RemediationFailed", {**_about(action), "reason": reason})
        if refused or undoing:
            return _NotApplied(reason, drifted=kind == "PreconditionDrift")
        return _NotKnown(reason)

    # --- verifying

    async def _verify(self) -> bool:
        checks = self._plan.checks
        await self._recorder.record(
            "VerificationStarted",
            {
                "checks": tuple(describe_check(check) for check in checks),
                "soak_seconds": self._options.soak.total_seconds(),
            },
        )
        deadline = workflow.now() + self._options.verification_timeout
        good_since: datetime | None = None
        results: tuple[CheckResult, ...] = ()
        while workflow.now() < deadline and not self._stopped:
            results = await self._check()
            good_since = (good_since or workflow.now()) if all(r.passed for r in results) else None
            if good_since and workflow.now() - good_since >= self._options.soak and not self._stopped:
                await self._verified(results, passed=True)
                return not self._stopped
            await workflow.sleep(self._options.verification_interval)
        await self._verified(results, passed=False)
        return False

    async def _check(self) -> tuple[CheckResult, ...]:
        request = CheckInput(incident_id=self._plan.incident_id, checks=self._plan.checks)
        try:
            return (await workflow.execute_activity_method(Verification.check, request, **LOOK)).results
        except ActivityError as error:
            reason = str(error.cause or error)[:500]
            return tuple(CheckResult(check=check, passed=None, observed=reason) for check in self._plan.checks)

    async def _verified(self, results: tuple[CheckResult, ...], *, passed: bool) -> None:
        await self._recorder.record("VerificationCompleted", {"passed": passed, "results": results})

    # --- undoing

    async def _undo_all(self, reason: str, *, left: str = "") -> ExecutionResult:
        """Put back what was done, last first. `left`: what cannot be, and is left to a human."""
        stuck = [left] if left else []
        for number, done in enumerate(reversed(self._done)):
            problem = await self._undo(done, f"{self._change}-undo-{number}")
            if problem:
                stuck.append(problem)
        if stuck:
            return ExecutionResult(outcome="stuck", reason=f"{reason}; not undone: {'; '.join(stuck)}")
        return ExecutionResult(outcome="undone", reason=f"{reason}; every applied action was undone")

    async def _undo(self, done: Done, change_id: str) -> str | None:
        action = done.planned.inverse
        if action is None:
            final = no_way_back(done.planned.action, done.planned.precondition)
            return f"{describe(done.planned.action)}: {final}" if final else None
        if done.after is None:
            changed = f"somebody else changed {target_of(action)} right after our write"
            await self._undone(action, succeeded=False, detail=changed)
            return f"{describe(action)}: {changed}"
        planned = done.planned.model_copy(update={"action": action, "precondition": done.after, "inverse": None})
        try:
            await self._apply(planned, done.after, change_id, undoing=True)
        except _NotApplied as problem:
            await self._undone(action, succeeded=False, detail=str(problem))
            return f"{describe(action)}: {problem}"
        await self._undone(action, succeeded=True, detail=describe(action))
        return None

    async def _undone(self, action: Action, *, succeeded: bool, detail: str) -> None:
        fact = {**_about(action), "succeeded": succeeded, "detail": detail}
        await self._recorder.record("RemediationRolledBack", fact)


def _about(action: Action) -> dict[str, object]:
    return {"action": action.type, "target": target_of(action)}
