"""What an investigation is given, and what it gives."""

from datetime import datetime
from typing import Self

from pydantic import Field

from agent.toolset.focus import ToolStep
from domain.actions import Action
from domain.alerts import Alert, AlertGroup
from domain.diagnosis import Diagnosis, RankedCause
from domain.evidence import Evidence
from domain.inventory import Inventory
from domain.learning import Match
from domain.model import Model, Timestamp
from domain.plans import ACTIONS_PER_PLAN, PlanDraft

__all__ = ["Brief", "Investigation", "ToolStep", "Usage", "Verdict"]


class Brief(Model):
    """What is known when an investigation begins. `at` is the moment it looks at the world from."""

    incident_id: str
    title: str
    namespace: str | None
    service: str | None
    alerts: tuple[Alert, ...]
    matches: tuple[Match, ...] = ()
    at: Timestamp

    @classmethod
    def about(cls, group: AlertGroup, incident_id: str, at: datetime, matches: tuple[Match, ...] = ()) -> Self:
        """The brief of a group's incident, looked at from `at`."""
        return cls(
            incident_id=incident_id,
            title=group.title,
            namespace=group.namespace,
            service=group.service,
            alerts=group.alerts,
            matches=matches,
            at=at,
        )


class Verdict(Model):
    """What a model concludes. No causes means: the evidence does not suffice."""

    causes: tuple[RankedCause, ...] = Field(default=(), max_length=5, description="Most likely first; empty if unsure.")
    actions: tuple[Action, ...] = Field(
        default=(),
        max_length=ACTIONS_PER_PLAN,
        description="What would help, in order; empty to leave it to the product, which knows its own remedies.",
    )


class Usage(Model):
    """What a run spent, over all models that worked on it. `requests` are those made of a language model."""

    requests: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class Investigation(Model):
    """The result: a grounded diagnosis, a draft of a plan where there is one, and everything that was seen.

    `planner` is the model that concluded; `fell_back` says why another one did not.
    """

    diagnosis: Diagnosis
    draft: PlanDraft | None = None
    evidence: tuple[Evidence, ...] = ()
    inventory: Inventory = Inventory()
    planner: str
    fell_back: str | None = None
    usage: Usage = Usage()
