"""What of the messages so far goes into the next model request. The run itself keeps them whole.

Every request carries all messages and is an event of the workflow's history: without this a history would grow with the
square of the number of calls.
"""

from collections.abc import Sequence
from dataclasses import replace

from pydantic_ai.messages import ModelMessage, ModelRequest, ToolReturnPart

WHOLE = 24_000
"""Characters of tool answers that a language model gets whole, newest first."""

CUT = 300


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
    """What is noted beside the texts; the texts themselves say nothing to a model without language."""
    return [
        _replaced(message, limit=CUT, noted=True) if isinstance(message, ModelRequest) else message
        for message in messages
    ]


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
