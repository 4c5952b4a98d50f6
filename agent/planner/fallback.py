"""A run that ends with an answer: by the first model, or where that fails by the next, from the messages so far."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic_ai import Agent
from pydantic_ai.exceptions import AgentRunError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.usage import RunUsage, UsageLimits
from temporalio.exceptions import ActivityError

from agent.offline.history import usable
from agent.toolset.focus import Focus, ToolStep
from domain.redaction import redact

OutputT = TypeVar("OutputT")
StepT = TypeVar("StepT")

REQUESTS = UsageLimits(request_limit=60)
"""A backstop beside the budget of `BudgetedModel`: fixed in code, because workflow code applies it."""

REASON_LIMIT = 400


@dataclass
class Ended(Generic[OutputT]):
    """How a run ended. `output` is None if every model failed; `failures` says how, in order."""

    planner: str = "none"
    output: OutputT | None = None
    failures: list[str] = field(default_factory=list[str])
    usage: RunUsage = field(default_factory=RunUsage)


class Relay(Generic[OutputT]):
    """Runs an agent on one prompt with several models in turn."""

    def __init__(self, agent: Agent[Focus, OutputT], prompt: str, focus: Focus) -> None:
        self._agent = agent
        self._prompt = prompt
        self._focus = focus
        self._messages: list[ModelMessage] = []
        self._ended = Ended[OutputT]()

    async def run(self, *models: Model | str | None) -> Ended[OutputT]:
        """Let each model try, until one comes to an end. None is the agent's own model.

        A model that took over keeps the run: the ones before it are not asked again.
        """
        for model in models:
            failure = await self._leg(model)
            if failure is None:
                break
            self._ended.failures.append(redact(failure)[:REASON_LIMIT])
        return self._ended

    async def _leg(self, model: Model | str | None) -> str | None:
        """One model's turn; why it failed, or None."""
        before = usable(self._messages)
        async with self._agent.iter(
            None if before else self._prompt,
            deps=self._focus,
            model=model,
            message_history=before,
            usage=self._ended.usage,
            usage_limits=REQUESTS,
        ) as run:
            try:
                async for _ in run:
                    pass
            except (AgentRunError, ActivityError) as exc:
                self._messages = run.all_messages()
                return _why(exc)
            if run.result is None:
                return "the run stopped without a result"
            self._ended.output = run.result.output
            self._ended.planner = last_model(run.all_messages())
            return None


def _why(error: AgentRunError | ActivityError) -> str:
    cause = error.cause if isinstance(error, ActivityError) else error
    return " ".join(str(cause or error).split()) or type(error).__name__


def last_model(messages: Sequence[ModelMessage]) -> str:
    """The name of the model that answered last, as the messages have it: a setting may have changed since."""
    responses = [message for message in messages if isinstance(message, ModelResponse)]
    return (responses[-1].model_name or "unknown")[:128] if responses else "unknown"


async def watched(
    run: Coroutine[object, object, OutputT], focus: Focus, on_step: Callable[[ToolStep], Awaitable[None]] | None
) -> OutputT:
    """Await `run`, and tell `on_step` of each tool call as it ends, in order.

    `on_step` is awaited here and not inside the run: what it awaits then belongs to none of the run's cancel scopes.
    """
    steps = focus.collected.steps
    task = asyncio.create_task(run)
    task.add_done_callback(lambda _: steps.put_nowait(None))
    try:
        while (step := await steps.get()) is not None:
            if on_step is not None:
                await on_step(step)
        return await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
