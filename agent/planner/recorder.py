"""Keeps what tools answered on the run's own side, and leaves in the messages only what a model needs."""

from datetime import datetime

from pydantic import ValidationError
from pydantic_ai import RunContext, ToolReturn
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.tools import ToolDefinition
from temporalio import workflow
from temporalio.exceptions import ActivityError

from agent.offline.model import OFFLINE
from agent.planner.brevity import bare, compact, for_language, for_offline
from agent.toolset.cited import CitedAnswer, Noted, unavailable
from agent.toolset.focus import Focus
from domain.inventory import Inventory, WorkloadEntry

NOTED_CLAIMS = 6
"""Of one answer, in a run whose messages are events of a workflow."""

NOTED_WORKLOADS = 60


class Recorder(AbstractCapability[Focus]):
    """Sits between tools and messages.

    Evidence crosses the activity boundary once, as the tool's result. Here it is taken into the run's `Collected`; the
    message keeps the text and `Noted`, because every later model request carries all messages.
    """

    id = "recorder"

    def __init__(self, claims: int = NOTED_CLAIMS) -> None:
        self._claims = claims

    async def before_model_request(
        self, ctx: RunContext[Focus], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Send the model what it needs of messages and tools, and no more. Count what a language model is asked."""
        offline = request_context.model.model_name == OFFLINE
        begun = any(isinstance(message, ModelResponse) for message in request_context.messages)
        ctx.deps.collected.requests += not offline and begun  # its first look is made without asking it
        messages, parameters = request_context.messages, request_context.model_request_parameters
        request_context.messages = (for_offline if offline else for_language)(messages)
        request_context.model_request_parameters = (bare if offline else compact)(parameters)
        return request_context

    async def after_tool_execute(
        self,
        ctx: RunContext[Focus],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,
        args: dict[str, object],
        result: object,
    ) -> object:
        """Take the evidence out of a tool's result."""
        del tool_def, args
        answer = _answer(result)
        if answer is None:
            return result
        ctx.deps.collected.take(call.tool_name, answer)
        return ToolReturn(return_value=answer.text, metadata=noted(answer, self._claims).model_dump(mode="json"))

    async def on_tool_execute_error(
        self,
        ctx: RunContext[Focus],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,
        args: dict[str, object],
        error: Exception,
    ) -> object:
        """An activity that failed or ran out of time, retries included, is something that could not be seen."""
        del tool_def, args
        if not isinstance(error, ActivityError):
            raise error
        reason = str(error.cause or error)[:300]
        seen = unavailable(call.tool_name, call.args_as_json_str()[:500], reason, _now(ctx.deps), passing=True)
        answer = CitedAnswer.of(seen)
        ctx.deps.collected.take(call.tool_name, answer)
        return ToolReturn(return_value=answer.text, metadata=noted(answer, self._claims).model_dump(mode="json"))


def noted(answer: CitedAnswer, claims: int) -> Noted:
    """What stays in the messages."""
    workloads = tuple(
        WorkloadEntry(ref=entry.ref, replicas=entry.replicas, ready=entry.ready, application=entry.application)
        for entry in answer.inventory.workloads[:NOTED_WORKLOADS]
    )
    return Noted(claims=answer.claims[:claims], findings=answer.findings, inventory=Inventory(workloads=workloads))


def _answer(result: object) -> CitedAnswer | None:
    if not isinstance(result, ToolReturn) or not isinstance(result.metadata, dict):
        return None
    try:
        return CitedAnswer.model_validate({**result.metadata, "text": result.return_value})
    except ValidationError:
        return None


def _now(focus: Focus) -> datetime:
    return workflow.now() if workflow.in_workflow() else focus.at
