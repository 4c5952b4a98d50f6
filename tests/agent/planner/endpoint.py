"""An OpenAI-compatible server on loopback that answers as it is told, the last answer again and again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.process import free_port

Body = dict[str, object]
Said = Body | Response | Callable[[Body], "Said"]
"""A completion message, a raw response, or what makes one of the request."""


@dataclass
class Endpoint:
    """A running server. `requests` holds every request's body."""

    base_url: str
    said: Sequence[Said]
    delay: float = 0.0
    requests: list[Body] = field(default_factory=list[Body])

    async def complete(self, request: Request) -> Response:
        body: Body = await request.json()
        said = self.said[min(len(self.requests), len(self.said) - 1)]
        self.requests.append(body)
        await asyncio.sleep(self.delay)
        while callable(said) and not isinstance(said, Response):
            said = said(body)
        return said if isinstance(said, Response) else JSONResponse(completion(said))


@asynccontextmanager
async def endpoint(*said: Said, delay: float = 0.0) -> AsyncIterator[Endpoint]:
    """A server for the length of a test."""
    port = free_port()
    state = Endpoint(f"http://127.0.0.1:{port}/v1", said, delay)
    app = Starlette(routes=[Route("/v1/chat/completions", state.complete, methods=["POST"])])
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.01)
    try:
        yield state
    finally:
        server.should_exit = True
        await task


_ids = count()


def completion(message: Body) -> Body:
    """A chat completion with one choice."""
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "stub",
        "choices": [
            {"index": 0, "finish_reason": "tool_calls" if "tool_calls" in message else "stop", "message": message}
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


def calls(*named: tuple[str, Body]) -> Body:
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
