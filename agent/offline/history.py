"""What a run has seen so far, read out of its messages, whichever model made the calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydantic import JsonValue, ValidationError
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart

from agent.toolset.cited import Noted
from domain.model import digest_of
from tools.documents import json_value


@dataclass(frozen=True)
class Call:
    """A tool and its arguments."""

    tool: str
    arguments: dict[str, JsonValue]

    @property
    def identity(self) -> str:
        """Equal for equal calls."""
        return digest_of([self.tool, self.arguments])[:12]


@dataclass(frozen=True)
class Look:
    """A call that was answered, and what was noted of the answer."""

    call: Call
    noted: Noted


@dataclass(frozen=True)
class History:
    """All answered calls, in order."""

    looks: tuple[Look, ...] = ()

    @classmethod
    def of(cls, messages: Sequence[ModelMessage]) -> "History":
        """Read messages. Calls that failed, were refused, or never answered are not there."""
        calls = {part.tool_call_id: part for part in _calls(messages)}
        looks = [
            Look(Call(part.tool_name, json_value(calls[part.tool_call_id].args_as_dict())), noted)  # pyright: ignore[reportArgumentType]
            for part in _returns(messages)
            if part.tool_call_id in calls and (noted := noted_of(part)) is not None
        ]
        return cls(tuple(looks))

    def of_tool(self, tool: str) -> tuple[Look, ...]:
        """The answered calls of one tool."""
        return tuple(look for look in self.looks if look.call.tool == tool)

    def made(self, call: Call) -> bool:
        """Whether exactly this call was answered."""
        return any(look.call.identity == call.identity for look in self.looks)


def noted_of(part: ToolReturnPart) -> Noted | None:
    """What one of our tools noted; None for anything else."""
    if part.outcome != "success" or not isinstance(part.metadata, dict | Noted):
        return None
    try:
        return Noted.model_validate(part.metadata)
    except ValidationError:
        return None


def _calls(messages: Sequence[ModelMessage]) -> list[ToolCallPart]:
    responses = (message for message in messages if isinstance(message, ModelResponse))
    return [part for message in responses for part in message.parts if isinstance(part, ToolCallPart)]


def _returns(messages: Sequence[ModelMessage]) -> list[ToolReturnPart]:
    requests = (message for message in messages if isinstance(message, ModelRequest))
    return [part for message in requests for part in message.parts if isinstance(part, ToolReturnPart)]


def usable(messages: Sequence[ModelMessage]) -> list[ModelMessage]:
    """The part of a broken-off run that another model can go on from: its first message, and answered tool calls.

    Garbage, refused calls and calls without an answer are left out, so that every call in it has its return.
    """
    kept: list[ModelMessage] = [message for message in messages[:1] if isinstance(message, ModelRequest)]
    for response, request in pairwise(messages[1:]):
        if not isinstance(response, ModelResponse) or not isinstance(request, ModelRequest):
            continue
        answered = {part.tool_call_id for part in _returns([request])}
        called = {part.tool_call_id for part in _calls([response])}
        if called and called == answered and any(noted_of(part) for part in _returns([request])):
            kept.extend((response, request))
    return kept
