"""AlertCorrelation: one long-lived workflow an alert group; it opens incidents and keeps their alerts current."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from domain.alerts import Alert, AlertGroup, merge_alerts
    from domain.facts import WITH_HUMANS
    from domain.model import digest_of
    from workflows.messages import AlertBatch, CorrelationInput, GroupState, TriageClosed, TriageInput
    from workflows.options import TASK_TIMEOUT
    from workflows.triage import IncidentTriage

SEEN_LIMIT = 4000
"""Deliveries remembered for deduplication; older ones are settled by `merge_alerts` alone."""

HISTORY_LIMIT = 2000
"""Events after which the group continues as new."""


def group_workflow_id(group_id: str) -> str:
    """The workflow id of a group: one workflow a group, for good."""
    return f"group-{group_id}"


@workflow.defn(name="AlertCorrelation")
class AlertCorrelation:
    """Groups alerts into incidents: at most one open incident a group."""

    @workflow.init
    def __init__(self, request: CorrelationInput) -> None:
        """Take over the state of the run before."""
        self._group_id = request.group_id
        self._options = request.options
        self._state = request.state
        self._pending = list(request.state.pending)
        self._closed = list(request.state.closed)

    @workflow.run
    async def run(self, request: CorrelationInput) -> None:
        """Take in news until the group has been quiet, with no open incident, for the reopen window."""
        del request
        while True:
            if not await self._news_in_time():
                return
            await self._take_in()
            if workflow.info().get_current_history_length() > HISTORY_LIMIT and workflow.all_handlers_finished():
                workflow.continue_as_new(self.carried())

    @workflow.signal(name="AlertsReceived")
    def alerts_received(self, batch: AlertBatch) -> None:
        """News from the inbox."""
        self._pending.append(batch)

    @workflow.signal(name="TriageClosed")
    def triage_closed(self, closed: TriageClosed) -> None:
        """The group's incident has ended."""
        self._closed.append(closed)

    @workflow.query(name="state")
    def state(self) -> GroupState:
        """What the group knows, for operators."""
        return self._state.model_copy(update={"pending": tuple(self._pending)})

    def _has_news(self) -> bool:
        return bool(self._pending or self._closed)

    async def _news_in_time(self) -> bool:
        """Wait for news; a signal that comes with the timer, or before a timer of no length, is not left behind."""
        with suppress(TimeoutError):
            await workflow.wait_condition(self._has_news, timeout=self._idle_timeout())
        return self._has_news()

    def _idle_timeout(self) -> timedelta | None:
        return None if self._state.incident_open else self._options.reopen_window

    async def _take_in(self) -> None:
        self._note_closed()
        fresh = self._fresh_alerts()
        self._update(alerts=merge_alerts(self._state.alerts, fresh))
        if self._state.incident_open:
            if fresh:
                await self._tell_triage(fresh)
        elif self._starts_episode():
            await self._open_incident()

    def _note_closed(self) -> None:
        for closed in self._closed:
            if closed.incident_id == self._state.incident_id:
                self._update(
                    incident_open=False,
                    last_status=closed.status,
                    last_closed_at=closed.at,
                    handled=closed.episodes,
                )
        self._closed.clear()

    def _fresh_alerts(self) -> tuple[Alert, ...]:
        seen = set(self._state.seen)
        fresh: list[Alert] = []
        for batch in self._pending:
            fresh.extend(alert for alert in batch.alerts if alert.identity not in seen)
            seen.update(alert.identity for alert in batch.alerts)
        self._pending.clear()
        order = dict.fromkeys((*self._state.seen, *(alert.identity for alert in fresh)))
        self._update(seen=tuple(order)[-SEEN_LIMIT:])
        return tuple(fresh)

    def _starts_episode(self) -> bool:
        """An alert fires that no incident has dealt with.

        It may have come while the incident before was closing. An alert of one that people have in hand, which fires
        again soon after, is the same story.
        """
        firing = (alert for alert in self._state.alerts if alert.status == "firing")
        new = tuple(alert for alert in firing if alert.episode not in self._state.handled)
        if self._with_humans(new, workflow.now()):
            self._update(handled=(*self._state.handled, *(alert.episode for alert in new)))
            return False
        return bool(new)

    def _with_humans(self, alerts: Sequence[Alert], now: datetime) -> bool:
        """They were told of each of these alerts, a moment ago."""
        state = self._state
        if not alerts or state.last_closed_at is None or now - state.last_closed_at >= self._options.reopen_window:
            return False
        if not workflow.patched("told-of-each-alert"):
            return state.last_status != "resolved"
        told = all(any(each.startswith(f"{alert.fingerprint}/") for each in state.handled) for alert in alerts)
        return told and state.last_status in WITH_HUMANS

    async def _open_incident(self) -> None:
        await workflow.sleep(self._options.group_wait)
        self._update(alerts=merge_alerts(self._state.alerts, self._fresh_alerts()))
        firing = tuple(alert for alert in self._state.alerts if alert.status == "firing")
        group = AlertGroup(group_id=self._group_id, alerts=firing or self._state.alerts)
        number = self._state.incidents + 1
        stamp = digest_of([self._group_id, group.started_at.isoformat(), workflow.info().run_id, number])[:6]
        incident_id = f"inc-{workflow.now():%Y%m%d}-{stamp}"
        await workflow.start_child_workflow(
            IncidentTriage.run,
            TriageInput(incident_id=incident_id, group_id=self._group_id, alerts=group.alerts, options=self._options),
            id=incident_id,
            task_timeout=TASK_TIMEOUT,
            parent_close_policy=ParentClosePolicy.ABANDON,
            static_summary=group.title[:200],
        )
        self._update(incident_id=incident_id, incident_open=True, incidents=number)

    async def _tell_triage(self, news: tuple[Alert, ...]) -> None:
        if self._state.incident_id is None:
            return
        triage = workflow.get_external_workflow_handle(self._state.incident_id)
        try:
            await triage.signal("AlertsChanged", news)
        except FailureError:
            workflow.logger.info("the incident ended while its alerts changed")

    def _update(self, **changes: object) -> None:
        self._state = self._state.model_copy(update=changes)

    def carried(self) -> CorrelationInput:
        """What the next run takes over."""
        unread = {"pending": tuple(self._pending), "closed": tuple(self._closed)}
        state = self._state.model_copy(update=unread)
        return CorrelationInput(group_id=self._group_id, options=self._options, state=state)
