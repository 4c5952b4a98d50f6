"""An OpenAI-compatible server on loopback that answers as it is told, the last answer again and again.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias, cast

from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from evals.replay.listening import listening

Body: TypeAlias = dict[str, JsonValue]
Said: TypeAlias = "Body | Response | Callable[[Body], Said]"
"""A completion message, a raw response, or what makes one of the request."""

CHARACTERS_PER_TOKEN = 4
"""By which tokens are estimated, on the compact JSON of a request: tokenizers of current models give 3.5 to 4.5 on
English, and fewer tokens than this on JSON schemas, which providers rewrite before they count."""


@dataclass
class ModelServer:
    """A running server. `requests` holds every request's body, the newest last."""

    base_url: str
    said: Sequence[Said]
    delay: float = 0.0
    requests: list[Body] = field(default_factory=list[Body])

    async def complete(self, request: Request) -> Response:
        """`POST /v1/chat/completions`."""
        body = cast("Body", await request.json())
        said = self.said[min(len(self.requests), len(self.said) - 1)]
        self.requests.append(body)
        await asyncio.sleep(self.delay)
        while callable(said) and not isinstance(said, Response):
            said = said(body)
        return said if isinstance(said, Response) else JSONResponse(completion(said, body))


@asynccontextmanager
async def model_server(*said: Said, delay: float = 0.0) -> AsyncGenerator[ModelServer]:
    """A server while the block runs; it waits `delay` seconds before each answer."""
    state = ModelServer("", said, delay)
    routes = [Route("/v1/chat/completions", state.complete, methods=["POST"])]
    async with listening(Starlette(routes=routes)) as origin:
        state.base_url = f"{origin}/v1"
        yield state


_ids = count()


def completion(message: Body, request: Body) -> Body:
    """A chat completion with one choice; its usage is estimated from the sizes of request and message."""
    asked, answered = tokens_of(request), tokens_of(message)
    reason = "tool_calls" if "tool_calls" in message else "stop"
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "local",
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
        "usage": {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered},
    }


def tokens_of(body: Body) -> int:
    """Tokens of a request or message, estimated by `CHARACTERS_PER_TOKEN`."""
    return len(json.dumps(body, ensure_ascii=False, separators=(",", ":"))) // CHARACTERS_PER_TOKEN


def calls(*named: tuple[str, Mapping[str, JsonValue]]) -> Body:
    """A message that calls tools."""
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": f"call-{next(_ids)}", "type": "function", "function": {"name": name, "arguments": json.dumps(args)}}
            for name, args in named
        ],
    }


def text(content: str) -> Body:
    """A message in words."""
    return {"role": "assistant", "content": content}


def seen(body: Body) -> str:
    """All that tools have answered so far, in order."""
    return "\n".join(contents(body, "tool"))


def contents(body: Body, role: str) -> tuple[str, ...]:
    """The texts of all messages of a role."""
    messages = cast("list[Body]", body["messages"])
    return tuple(str(message.get("content") or "") for message in messages if message["role"] == role)
