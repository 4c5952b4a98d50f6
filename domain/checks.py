"""How a plan says it helped: typed checks, read-only, that must hold through a soak window."""

from typing import Annotated, Literal

from pydantic import Field

from domain.actions import Action, RollbackApplication, SyncApplication
from domain.model import Model
from domain.objects import Name, WorkloadRef


class SignalCheck(Model):
    """A golden signal of a service stays on the right side of its objective."""

    type: Literal["signal"] = "signal"
    signal: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    namespace: Name
    service: Name
    comparison: Literal["<=", ">="]
    threshold: float


class RolloutCheck(Model):
    """Every replica of the workload is updated and ready."""

    type: Literal["rollout"] = "rollout"
    workload: WorkloadRef


class ApplicationCheck(Model):
    """The Argo CD application is healthy, its last operation succeeded, and it runs `revision` if one is given.

    Where the plan syncs it, live state must also be what Git says at the revision that was deployed.
    """

    type: Literal["application"] = "application"
    application: Name
    revision: str | None = None


class AlertsClearedCheck(Model):
    """None of these alerts is firing.

    Their sender says so, with `resolved`. Of those that Alertmanager `listed` while the plan was prepared, it also does
    by listing them no more; that it never listed others says nothing.
    """

    type: Literal["alerts_cleared"] = "alerts_cleared"
    fingerprints: tuple[str, ...] = Field(min_length=1)
    listed: tuple[str, ...] = Field(default=(), exclude_if=lambda listed: not listed)
    """Left out where it is empty: plans from before there was such a field keep their digests."""


Check = Annotated[
    SignalCheck | RolloutCheck | ApplicationCheck | AlertsClearedCheck,
    Field(discriminator="type"),
]


class CheckResult(Model):
    """One check at one moment. `passed` is None where it could not be read; `observed` says what was."""

    check: Check
    passed: bool | None
    observed: str = Field(max_length=500)


def settled(action: Action) -> RolloutCheck | ApplicationCheck:
    """The check that what the action changes comes to rest; every plan with that action has it."""
    if isinstance(action, SyncApplication | RollbackApplication):
        return ApplicationCheck(application=action.application)
    return RolloutCheck(workload=action.workload)


def describe_check(check: Check) -> str:
    """One line for a person."""
    match check:
        case SignalCheck():
            return f"{check.signal} of {check.service} {check.comparison} {check.threshold:g}"
        case RolloutCheck():
            return f"{check.workload} fully rolled out"
        case ApplicationCheck():
            return f"application/{check.application} healthy"
        case AlertsClearedCheck():
            return f"{len(check.fingerprints)} alert(s) cleared"
