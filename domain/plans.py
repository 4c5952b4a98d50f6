"""Plans: what a planner or a reviewer proposes (`PlanDraft`), and what a human approves (`Plan`), bound by a digest."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from domain.actions import RISKS, Action, Risk, target_of
from domain.alerts import Alert
from domain.checks import AlertsClearedCheck, ApplicationCheck, Check, settled
from domain.model import Model, Timestamp, digest_of

ACTIONS_PER_PLAN = 10
RATIONALE_LIMIT = 2000
"""Characters."""


class PlanDraft(Model):
    """Typed actions in order, and the checks that say whether they helped.

    Preparation adds the checks that such actions and the alerts always ask for; a draft without any takes those of the
    plan before it, too.
    """

    actions: tuple[Action, ...] = Field(min_length=1, max_length=ACTIONS_PER_PLAN)
    checks: tuple[Check, ...] = ()
    rationale: str = Field(default="", max_length=RATIONALE_LIMIT)

    @model_validator(mode="after")
    def _one_action_a_target(self) -> Self:
        """The first of two changes of one object would be drift to the second."""
        targets = [target_of(action) for action in self.actions]
        if len(set(targets)) < len(targets):
            raise ValueError("a plan changes each object once; make two plans of it")
        return self


class WorkloadPrecondition(Model):
    """The workload is still the one that was reviewed: same object, same spec."""

    type: Literal["workload"] = "workload"
    uid: str
    generation: int
    replicas: int
    revision: int | None = None
    images: tuple[str, ...] = ()


class ApplicationPrecondition(Model):
    """The Argo CD application still runs what was reviewed, and nothing else drives it."""

    type: Literal["application"] = "application"
    uid: str
    deployed_revision: str
    last_history_id: int
    target_revision: str
    auto_sync: bool


Precondition = Annotated[WorkloadPrecondition | ApplicationPrecondition, Field(discriminator="type")]


class PredictedEffect(Model):
    """What the change will do, before it is done. `diff` is a unified diff from a dry run where one could be had."""

    summary: str = Field(max_length=1000)
    diff: str = Field(default="", max_length=8000)
    blast_radius: tuple[str, ...] = ()
    dry_run: Literal["server", "computed"] = "computed"


class PlannedAction(Model):
    """An action with what must hold before it, what it will do, and what undoes it (None: nothing does)."""

    action: Action
    risk: Risk
    precondition: Precondition
    predicted_effect: PredictedEffect
    inverse: Action | None


class Plan(Model):
    """What a reviewer sees and approves. Any change to it, its evidence or the preconditions changes `digest`."""

    incident_id: str
    version: int = Field(ge=1)
    actions: tuple[PlannedAction, ...] = Field(min_length=1, max_length=ACTIONS_PER_PLAN)
    checks: tuple[Check, ...]
    rationale: str = ""
    evidence_digests: tuple[str, ...]
    proposed_by: str
    created_at: Timestamp
    expires_at: Timestamp

    @property
    def risk(self) -> Risk:
        """The highest risk of its actions."""
        return RISKS[max(RISKS.index(planned.risk) for planned in self.actions)]

    @property
    def digest(self) -> str:
        """SHA-256 over everything the decision rests on."""
        return digest_of(self.model_dump(mode="json"))

    @property
    def draft(self) -> PlanDraft:
        """The proposal behind the plan, to be prepared again."""
        return PlanDraft(
            actions=tuple(planned.action for planned in self.actions), checks=self.checks, rationale=self.rationale
        )


def held_to(draft: PlanDraft, alerts: Iterable[Alert], before: Plan | None) -> tuple[Check, ...]:
    """The checks of a plan made of `draft`, whoever drafted it; never none.

    What its actions change must settle, and those of `alerts` that fire must clear. A draft without checks keeps those
    of the plan before it that still apply.
    """
    given = draft.checks or (_still_applying(before) if before else ())
    asked = [
        fingerprint for check in given if isinstance(check, AlertsClearedCheck) for fingerprint in check.fingerprints
    ]
    fingerprints = dict.fromkeys([*asked, *(alert.fingerprint for alert in alerts if alert.status == "firing")])
    cleared = [AlertsClearedCheck(fingerprints=tuple(fingerprints))] if fingerprints else []
    others = [check for check in given if not isinstance(check, AlertsClearedCheck)]
    return tuple(dict.fromkeys([*map(settled, draft.actions), *others, *cleared]))


def _still_applying(plan: Plan) -> tuple[Check, ...]:
    """Without those about its own actions: other actions have their own."""
    own = [settled(planned.action) for planned in plan.actions]
    return tuple(check for check in plan.checks if check not in own and not _is_pinned(check))


def _is_pinned(check: Check) -> bool:
    """To the revision that an action brings."""
    return isinstance(check, ApplicationCheck) and check.revision is not None
