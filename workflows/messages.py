"""Inputs, results and signals of the workflows. Their JSON is stored in histories: add fields with defaults only."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from domain.alerts import Alert
from domain.approvals import Decision
from domain.facts import IncidentStatus
from domain.model import Model, Timestamp
from domain.plans import Plan, PlannedAction, Precondition


class AlertBatch(Model):
    """News for one alert group. `batch_id` is unique: a batch delivered twice counts once."""

    batch_id: str
    group_id: str
    alerts: tuple[Alert, ...]


class TriageOptions(Model):
    """A site's timings, fixed for a triage when its group starts."""

    group_wait: timedelta = timedelta(seconds=2)
    reopen_window: timedelta = timedelta(minutes=10)
    quiet_period: timedelta = timedelta(minutes=10)
    soak: timedelta = timedelta(seconds=60)
    verification_timeout: timedelta = timedelta(minutes=10)
    verification_interval: timedelta = timedelta(seconds=5)


class TriageClosed(Model):
    """A triage tells its group that it has ended, and which episodes it dealt with."""

    incident_id: str
    status: IncidentStatus
    at: Timestamp
    episodes: tuple[str, ...] = ()


class GroupState(Model):
    """What a correlation workflow carries over a continue-as-new."""

    alerts: tuple[Alert, ...] = ()
    seen: tuple[str, ...] = ()
    pending: tuple[AlertBatch, ...] = ()
    closed: tuple[TriageClosed, ...] = ()
    incident_id: str | None = None
    incident_open: bool = False
    last_status: IncidentStatus | None = None
    last_closed_at: Timestamp | None = None
    handled: tuple[str, ...] = ()
    """Episodes that an incident has dealt with, or that joined one which people have in hand."""
    incidents: int = 0


class CorrelationInput(Model):
    """One alert group."""

    group_id: str
    options: TriageOptions = TriageOptions()
    state: GroupState = GroupState()


class TriageInput(Model):
    """One incident. `at` is the moment to look at the world from, for one that was recorded; None: now."""

    incident_id: str
    group_id: str
    alerts: tuple[Alert, ...] = Field(min_length=1)
    options: TriageOptions = TriageOptions()
    at: Timestamp | None = None


class TriageResult(Model):
    """How an incident ended."""

    incident_id: str
    status: IncidentStatus
    reason: str


class ExecutionInput(Model):
    """An approved plan. `approvals` are the decisions that let it through."""

    plan: Plan
    approvals: tuple[Decision, ...] = Field(min_length=1)
    options: TriageOptions = TriageOptions()


class ExecutionResult(Model):
    """How a change ended.

    `held`: applied, and the checks held through the soak window. `undone`: it did not help, and every action was put
    back. `stuck`: something could neither be applied nor put back; a human must look. `drifted`: live state was not
    what was approved, before anything was written.
    """

    outcome: Literal["held", "undone", "stuck", "drifted"]
    reason: str


class ApplyInput(Model):
    """One write. `change_id` is the same over all attempts of the same write."""

    planned: PlannedAction
    precondition: Precondition
    change_id: str


class ApplyResult(Model):
    """A write that is done, by this attempt or (`already`) by an earlier one.

    `generation` is the one a workload's spec has by this write alone; None for applications.
    """

    already: bool
    detail: str
    generation: int | None = None


class SettleInput(Model):
    """Wait until a write has taken its course. `generation` is the one it gave to a workload's spec."""

    planned: PlannedAction
    generation: int | None = None


class SettleResult(Model):
    """What came of a write. `settled` is False when time ran out.

    `after` is the state that the write alone has made: what must still hold when it is undone. None where somebody else
    has changed the object since: then there is nothing an undo could rest on.
    """

    settled: bool
    detail: str
    after: Precondition | None


class DecisionReceipt(Model):
    """What a decision led to. `approvals` of `quorum` different people have approved the plan so far."""

    incident_id: str
    outcome: str
    plan_digest: str | None
    approvals: int
    quorum: int
