"""The end of an incident: a page where a human must act, the entry in the backlog, the last fact, word to the group."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError, FailureError

with workflow.unsafe.imports_passed_through():
    from domain.alerts import AlertGroup
    from domain.diagnosis import Diagnosis
    from domain.facts import IncidentStatus
    from workflows.activities.backlog import BacklogActivities, DocumentInput
    from workflows.activities.paging import PageInput, Paging
    from workflows.messages import TriageClosed
    from workflows.options import CALL, PREPARE
    from workflows.recording import Recorder
    from workflows.visibility import show


class Ended(Exception):
    """The incident ends here, with this status; raised anywhere in the run, closed in one place.

    `held`: whether an applied plan helped; None if none was applied.
    """

    def __init__(self, status: IncidentStatus, reason: str, held: bool | None = None) -> None:
        super().__init__(reason)
        self.status: IncidentStatus = status
        self.reason = reason
        self.held = held


def _nobody_came(end: Ended, group: AlertGroup) -> bool:
    """The plan has expired, and the trouble has not."""
    return end.status == "expired" and bool(group.firing)


def reason_of(error: ActivityError | ChildWorkflowError) -> str:
    """Why it failed, in the words of what failed."""
    return str(error.cause or error)


class Documentation:
    """Closes one incident. What cannot be paged or written does not keep it open."""

    def __init__(self, incident_id: str, recorder: Recorder) -> None:
        self._incident_id = incident_id
        self._recorder = recorder

    async def close(self, end: Ended, group: AlertGroup, diagnosis: Diagnosis | None) -> None:
        """Page, document, record, tell; in this order, which histories hold."""
        episodes = tuple(alert.episode for alert in group.alerts)
        if end.status == "escalated" or (_nobody_came(end, group) and workflow.patched("page-when-nobody-decided")):
            await self._page(end.reason, group, diagnosis)
        await self._recorder.record("DocumentationRequested")
        await self._document(end)
        await self._recorder.record("IncidentClosed", {"status": end.status, "reason": end.reason})
        show(group, end.status)
        await self._tell_group(end.status, episodes)

    async def _page(self, reason: str, group: AlertGroup, diagnosis: Diagnosis | None) -> None:
        request = PageInput(
            incident_id=self._incident_id,
            title=group.title,
            severity=group.severity,
            reason=reason,
            summary=diagnosis.summary if diagnosis else "",
        )
        try:
            paged = await workflow.execute_activity_method(Paging.page, request, **CALL)
            fact = {"reason": reason, "paged": paged.paged, "detail": paged.detail}
        except ActivityError as error:
            fact = {"reason": reason, "paged": False, "detail": reason_of(error)}
        await self._recorder.record("IncidentEscalated", fact)

    async def _document(self, end: Ended) -> None:
        request = DocumentInput(
            incident_id=self._incident_id,
            outcome=end.status,
            reason=end.reason,
            held=end.held,
            at=workflow.now(),
        )
        try:
            written = await workflow.execute_activity_method(BacklogActivities.document, request, **PREPARE)
        except ActivityError as error:
            workflow.logger.error("the incident could not be written to the backlog: %s", reason_of(error))
            return
        await self._recorder.record(
            "DocumentationCompleted", {"backlog_item": written.backlog_item, "pattern_id": written.pattern_id}
        )

    async def _tell_group(self, status: IncidentStatus, episodes: tuple[str, ...]) -> None:
        parent = workflow.info().parent
        if parent is None:
            return
        closed = TriageClosed(incident_id=self._incident_id, status=status, at=workflow.now(), episodes=episodes)
        try:
            await workflow.get_external_workflow_handle(parent.workflow_id).signal("TriageClosed", closed)
        except FailureError:
            workflow.logger.info("the alert group has already ended")
