"""The plan review as a durable operation: it depends on policy and objectives, which are settings."""

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability, durable_operation

from agent.grounding import PlanReviewer, Reviewed
from agent.toolset.focus import Focus
from domain.actions import Action
from domain.alerts import Alert
from domain.diagnosis import RankedCause
from domain.inventory import Inventory
from domain.model import Model
from domain.objectives import Objectives
from domain.policy import Policy


class ReviewRequest(Model):
    """Grounded causes, the actions a model wants, and what the run has seen."""

    causes: tuple[RankedCause, ...]
    actions: tuple[Action, ...]
    inventory: Inventory
    alerts: tuple[Alert, ...]


class PlanReview(AbstractCapability[Focus]):
    """Reviews drafts against this site's policy. Runs as an activity inside workflows."""

    id = "plan_review"

    def __init__(self, policy: Policy, objectives: Objectives) -> None:
        self._policy = policy
        self._objectives = objectives

    @durable_operation(name="review")
    async def review(self, ctx: RunContext[Focus], request: ReviewRequest) -> Reviewed:
        """The draft that may be asked for; see `PlanReviewer`."""
        del ctx
        reviewer = PlanReviewer(
            inventory=request.inventory, alerts=request.alerts, objectives=self._objectives, policy=self._policy
        )
        return reviewer.review(request.actions, request.causes)
