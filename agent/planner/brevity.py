"""What of messages and tool schemas goes into the next model request. The run itself keeps them whole.

Every request carries all messages and is an event of the workflow's history: without this a history would grow with the
square of the number of calls.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from pydantic import JsonValue
from pydantic_ai.messages import ModelMessage, ModelRequest, SystemPromptPart, ToolReturnPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

WHOLE = 24_000
"""Characters of tool answers that a language model gets whole, newest first."""

CUT = 300

NOT_FOR_MODELS = frozenset({"title", "additionalProperties", "default", "pattern", "minLength", "maxLength"})
"""Keywords of JSON Schema that cost tokens with every request and tell a model nothing. Arguments are validated with
the whole schema all the same."""


def for_language(messages: Sequence[ModelMessage]) -> list[ModelMessage]:
    """Texts of tools, the newest whole and the others cut; nothing of what is noted beside them."""
    room = WHOLE
    shorter: list[ModelMessage] = []
    for message in reversed(messages):
        if isinstance(message, ModelRequest):
            room -= sum(len(part.model_response_str()) for part in _returns(message))
            message = _replaced(message, limit=CUT if room < 0 else None, noted=False)  # noqa: PLW2901
        shorter.append(message)
    return shorter[::-1]


def for_offline(messages: Sequence[ModelMessage]) -> list[ModelMessage]:
    """What is noted beside the texts; texts and instructions say nothing to a model without language."""
    return [
        _replaced(_without_instructions(message), limit=CUT, noted=True)
        if isinstance(message, ModelRequest)
        else message
        for message in messages
    ]


def _without_instructions(message: ModelRequest) -> ModelRequest:
    parts = [part for part in message.parts if not isinstance(part, SystemPromptPart)]
    return replace(message, parts=parts or message.parts)


def _returns(message: ModelRequest) -> list[ToolReturnPart]:
    return [part for part in message.parts if isinstance(part, ToolReturnPart)]


def _replaced(message: ModelRequest, *, limit: int | None, noted: bool) -> ModelRequest:
    parts = [_shortened(part, limit, noted) if isinstance(part, ToolReturnPart) else part for part in message.parts]
    return replace(message, parts=parts)


def _shortened(part: ToolReturnPart, limit: int | None, noted: bool) -> ToolReturnPart:
    text = part.model_response_str()
    if limit is not None and len(text) > limit:
        text = f"{text[:limit]} … (cut; call the tool again to see all of it)"
    else:
        limit = None
    return replace(part, content=part.content if limit is None else text, metadata=part.metadata if noted else None)


def compact(parameters: ModelRequestParameters) -> ModelRequestParameters:
    """The same tools with as little schema as a model needs to call them."""
    return replace(
        parameters,
        function_tools=[_compact(tool) for tool in parameters.function_tools],
        output_tools=[_compact(tool) for tool in parameters.output_tools],
    )


def bare(parameters: ModelRequestParameters) -> ModelRequestParameters:
    """The name of the way to conclude: a program knows its tools."""
    outputs = [ToolDefinition(name=tool.name, kind=tool.kind) for tool in parameters.output_tools]
    return replace(parameters, function_tools=[], output_tools=outputs)


def _compact(tool: ToolDefinition) -> ToolDefinition:
    schema = cast("dict[str, object]", _brief(cast("JsonValue", tool.parameters_json_schema)))
    return replace(tool, parameters_json_schema=schema)


def _brief(schema: JsonValue, *, named: bool = False) -> JsonValue:
    """A schema without the keywords. `named`: the keys are names of properties or definitions, not keywords."""
    if isinstance(schema, list):
        return [_brief(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if named:
        return {name: _brief(item) for name, item in schema.items()}
    kept = {key: item for key, item in schema.items() if key not in NOT_FOR_MODELS}
    options = kept.get("anyOf")
    if isinstance(options, list) and len(options) == 2 and {"type": "null"} in options:
        # What may be left out need not be offered as null too.
        del kept["anyOf"]
        kept |= cast("dict[str, JsonValue]", next(item for item in options if item != {"type": "null"}))
        return _brief(kept)
    return {key: _brief(item, named=key in {"properties", "$defs"}) for key, item in kept.items()}
