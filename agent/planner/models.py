"""The configured language model, held to its budget."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from openai import AsyncOpenAI, OpenAIError
from pydantic_ai.exceptions import ModelHTTPError, UnexpectedModelBehavior, UserError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters, infer_model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers import Provider, infer_provider, infer_provider_class
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from agent.planner.options import PlannerOptions
from domain.errors import Misconfigured

GARBLED = (AttributeError, LookupError, OpenAIError, RecursionError, TypeError, ValueError)
"""What clients and pydantic-ai raise, beside their own errors, on taking an answer apart that is not what it says."""

ANSWER_LIMIT = 16_000
"""Characters of one model answer. More is not an answer, and would sit in the workflow's history for good."""

ANSWER_TOKENS = 4_000

RUN_SECONDS = 90.0
"""From the first message of a run to the end of its last request: with the offline model after it, two minutes."""

PATIENCE = 15.0
"""Seconds of a `Retry-After` that are waited for, once."""


class BudgetedModel(WrapperModel):
    """Counts what the run has spent before each request, and limits time and size of the answer.

    The limits are checked here, beside the model, and not in workflow code: they are settings, and a history must
    replay the same after they change. `UnexpectedModelBehavior` is not retried: a run over its budget ends at once.
    With `first_look` the run begins with a call of that tool, which no model need be asked for.
    """

    def __init__(self, wrapped: Model, options: PlannerOptions, first_look: str | None = None) -> None:
        super().__init__(wrapped)
        self._options = options
        self._first_look = first_look

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """One request. Raises `UnexpectedModelBehavior` over budget, or what the model raises."""
        if self._first_look and not any(isinstance(message, ModelResponse) for message in messages):
            call = ToolCallPart(self._first_look, {}, tool_call_id="first-look")
            return ModelResponse(parts=[call], model_name=self._options.model)
        seconds = min(self._options.request_timeout, self._time_left(messages))
        self._refuse_spent(messages)
        settings: ModelSettings = {"max_tokens": ANSWER_TOKENS, **(model_settings or {})}
        try:
            async with asyncio.timeout(seconds):
                response = await self._answer(messages, settings, model_request_parameters)
        except TimeoutError as exc:
            raise UnexpectedModelBehavior(f"no answer within {seconds:g} s") from exc
        except GARBLED as exc:
            raise UnexpectedModelBehavior(f"an answer that is no chat completion: {exc!r}"[:300]) from exc
        self._refuse_answer(messages, response, model_request_parameters)
        return replace(response, model_name=self._options.model)

    async def _answer(
        self, messages: list[ModelMessage], settings: ModelSettings, parameters: ModelRequestParameters
    ) -> ModelResponse:
        """The model's answer; a server that says when to come back soon is asked again then, once."""
        try:
            return await super().request(messages, settings, parameters)
        except ModelHTTPError as exc:
            if exc.retry_after is None or not 0 <= exc.retry_after <= PATIENCE:
                raise
            await asyncio.sleep(exc.retry_after)
        return await super().request(messages, settings, parameters)

    async def close(self) -> None:
        """Close connections to the model's server; clients that pydantic-ai shares between models stay open."""
        if isinstance(self.wrapped, OpenAIChatModel):
            await self.wrapped.client.close()

    def _time_left(self, messages: Sequence[ModelMessage]) -> float:
        begun = next((message.timestamp for message in messages if message.timestamp), None)
        left = RUN_SECONDS - (datetime.now(UTC) - begun).total_seconds() if begun else RUN_SECONDS
        if left <= 0:
            raise UnexpectedModelBehavior(f"over budget: the run took longer than {RUN_SECONDS:g} s")
        return left

    def _refuse_spent(self, messages: Sequence[ModelMessage]) -> None:
        spent = sum(message.usage.total_tokens for message in messages if isinstance(message, ModelResponse))
        if spent >= self._options.max_tokens:
            raise UnexpectedModelBehavior(f"over budget: {spent} of {self._options.max_tokens} tokens are spent")

    def _refuse_answer(
        self, messages: Sequence[ModelMessage], response: ModelResponse, parameters: ModelRequestParameters
    ) -> None:
        size = sum(_size(part) for part in response.parts if isinstance(part, TextPart | ThinkingPart | ToolCallPart))
        if size > ANSWER_LIMIT:
            raise UnexpectedModelBehavior(f"an answer of {size} characters; the limit is {ANSWER_LIMIT}")
        outputs = {tool.name for tool in parameters.output_tools}
        calls = _calls([*messages, response], outputs)
        if calls > self._options.max_tool_calls and _calls([response], outputs):
            raise UnexpectedModelBehavior(
                f"over budget: {calls} tool calls; the limit is {self._options.max_tool_calls}"
            )


def language_model(options: PlannerOptions, *, first_look: str | None = None) -> BudgetedModel:
    """The model of `options`, within its budget. Raises `Misconfigured` if there is no such model."""
    try:
        return BudgetedModel(_model(options), options, first_look)
    except (UserError, ValueError, ImportError) as exc:
        raise Misconfigured(f"TRIAGE_PLANNER__MODEL={options.model} cannot be used: {exc}") from exc


def _model(options: PlannerOptions) -> Model:
    key = options.api_key.get_secret_value() if options.api_key else None
    provider_name, colon, name = options.model.partition(":")
    if options.base_url or provider_name in {"openai", "openai-chat"}:
        # The client's own retries would multiply with the activity's.
        client = AsyncOpenAI(
            base_url=options.base_url or None,
            api_key=key or "not-needed",
            max_retries=0,
            timeout=options.request_timeout,
        )
        return OpenAIChatModel(name if colon else options.model, provider=OpenAIProvider(openai_client=client))
    return infer_model(options.model, provider_factory=_keyed(key) if key else infer_provider)


def _keyed(key: str) -> type[Provider[object]]:
    def provider(name: str) -> Provider[object]:
        return infer_provider_class(name)(api_key=key)  # pyright: ignore[reportCallIssue]

    return provider  # pyright: ignore[reportReturnType]


def _calls(messages: Sequence[ModelMessage], outputs: set[str]) -> int:
    responses = (message for message in messages if isinstance(message, ModelResponse))
    return sum(part.tool_name not in outputs for message in responses for part in message.tool_calls)


def _size(part: TextPart | ThinkingPart | ToolCallPart) -> int:
    return len(part.args_as_json_str()) if isinstance(part, ToolCallPart) else len(part.content)
