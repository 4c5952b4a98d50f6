"""All the ways an OpenAI-compatible endpoint can fail, each as a server on loopback."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from starlette.responses import JSONResponse, PlainTextResponse, Response

from evals.llm.scripts import diligent
from evals.llm.server import Body, Said, calls, completion, model_server, text

DRIP_SECONDS = 0.5
LONG_WORDS = "word " * 200_000
_NOTHING: Body = {}


@dataclass(frozen=True)
class Fault:
    """A way to fail. `recovers` says that a planner should get through it with its own model."""

    name: str
    server: Callable[[], AbstractAsyncContextManager[str]]
    recovers: bool = False


Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(talk: Talk) -> AsyncGenerator[str]:
    """A server that reads a request and then does with the connection what `talk` does; its base URL comes back."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _request(reader)
            await talk(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side went away, or the server is closed: that is what these servers are for
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()


async def _request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().splitlines():
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))


def _head(length: int, kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n".encode()


def _whole() -> bytes:
    return json.dumps(completion(calls(("list_alerts", {})), {})).encode()


async def _hang(writer: asyncio.StreamWriter) -> None:
    del writer
    await asyncio.sleep(3600)


async def _drip(writer: asyncio.StreamWriter) -> None:
    body = _whole()
    writer.write(_head(len(body)))
    for byte in body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(DRIP_SECONDS)


async def _cut_off(writer: asyncio.StreamWriter) -> None:
    body = _whole()
    writer.write(_head(len(body)) + body[: len(body) // 2])
    await writer.drain()


async def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    await asyncio.sleep(0)


async def _no_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x15\x03\x01\x00\x02\x02\x28 this is no HTTP\r\n\r\n")
    await writer.drain()


async def _bad_gzip(writer: asyncio.StreamWriter) -> None:
    body = b"\x1f\x8b\x08\x00not gzip after all"
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body)
    await writer.drain()


def _answers(*said: Said) -> Callable[[], AbstractAsyncContextManager[str]]:
    @asynccontextmanager
    async def server() -> AsyncGenerator[str]:
        async with model_server(*said) as running:
            yield running.base_url

    return server


def _talks(talk: Talk) -> Callable[[], AbstractAsyncContextManager[str]]:
    return lambda: raw_server(talk)


@asynccontextmanager
async def _nobody() -> AsyncGenerator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    yield f"http://127.0.0.1:{port}/v1"


def status(code: int, body: object = "no", **headers: str) -> Response:
    """An answer with this status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return PlainTextResponse(body, code, named) if isinstance(body, str) else JSONResponse(body, code, named)


def _shaped(**fields: object) -> Response:
    """A completion with some of its fields replaced."""
    return JSONResponse({**completion(text("hm"), {}), **fields})


def _arguments(raw: str) -> Body:
    call: Body = {"id": "a", "type": "function", "function": {"name": "conclude", "arguments": raw}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _context_length() -> Response:
    error = {"message": "maximum context length is 8192 tokens", "code": "context_length_exceeded", "type": "invalid"}
    return status(400, {"error": error})


def _spread_out(body: Body) -> Said:
    """Ever other arguments, so that no two calls are alike."""
    return calls(*(("pod_logs", {"pod": f"pod-{len(str(body))}-{index}"}) for index in range(4)))


def _streamed() -> Response:
    lines = [f"data: {json.dumps({'choices': [{'delta': {'content': 'he'}}]})}", "", "data: [DO"]
    return Response("\n".join(lines), media_type="text/event-stream")


def _faults() -> Iterator[Fault]:
    said: dict[str, tuple[Said, ...]] = {
        "HTTP 500": (status(500),),
        "HTTP 502 with HTML": (Response("<html>bad gateway</html>", 502, media_type="text/html"),),
        "HTTP 401": (status(401, {"error": {"message": "wrong key"}}),),
        "HTTP 404, no such model": (status(404, {"error": {"message": "the model does not exist"}}),),
        "429 with Retry-After of an hour": (status(429, retry_after="3600"),),
        "429 again and again": (status(429, retry_after="1"),),
        "429 with a Retry-After that is no number": (status(429, retry_after="soon"),),
        "truncated JSON": (Response(_whole()[:60], media_type="application/json"),),
        "HTML with status 200": (Response("<html>log in</html>", media_type="text/html"),),
        "JSON that is no completion": (JSONResponse({"hello": 1}),),
        "JSON that is a list": (JSONResponse([1, 2, 3]),),
        "a stream nobody asked for, cut in the middle": (_streamed(),),
        "no choices": (_shaped(choices=[]),),
        "choices that are null": (_shaped(choices=None),),
        "a choice without a message": (_shaped(choices=[{"index": 0, "finish_reason": "stop"}]),),
        "an empty answer": (text(""),),
        "words instead of tools": (text("I would restart everything."),),
        "a refusal": ({"role": "assistant", "content": None, "refusal": "I cannot help with that."},),
        "cut by a content filter": (
            _shaped(choices=[{"index": 0, "finish_reason": "content_filter", "message": text("")}]),
        ),
        "arguments that are no JSON": (_arguments('{"causes": ['),),
        "arguments of the wrong type": (_arguments("42"),),
        "arguments nested without end": (_arguments('{"causes":' * 900),),
        "a conclusion of the wrong schema": (calls(("conclude", {"causes": [{"cause": "gremlins", "object": "x"}]})),),
        "invented tools": (lambda _: calls(("delete_namespace", {"namespace": "shop"})),),
        "wrong arguments": (lambda _: calls(("pod_logs", {"tail": "many"})),),
        "the same tool without end": (lambda _: calls(("list_alerts", {})),),
        "ever other calls without end": (_spread_out,),
        "a hundred calls at once": (lambda _: calls(*(("list_alerts", _NOTHING) for _ in range(100))),),
        "calls that share an id": ({"role": "assistant", "tool_calls": [*_same_id()]},),
        "200,000 tokens of words": (text(LONG_WORDS),),
        "200,000 tokens of arguments": (_arguments(json.dumps({"causes": LONG_WORDS})),),
        "context too long": (_context_length(),),
        "dead after a good start": (calls(("list_workloads", {})), status(500)),
        "garbage after a good start": (calls(("list_workloads", {})), _shaped(choices=[])),
    }
    yield from (Fault(name, _answers(*answers)) for name, answers in said.items())
    talks = {
        "no answer at all": _hang,
        "a byte every half second": _drip,
        "cut off in the middle": _cut_off,
        "connection reset": _reset,
        "no HTTP": _no_http,
        "gzip that is none": _bad_gzip,
    }
    yield from (Fault(name, _talks(talk)) for name, talk in talks.items())
    yield Fault("nobody listens", _nobody)
    busy = status(429, retry_after="1")
    yield Fault("429 once, then well", _answers(busy, diligent), recovers=True)
    yield Fault("503 once, then well", _answers(status(503, retry_after="1"), diligent), recovers=True)


def _same_id() -> Iterator[Body]:
    for name in ("list_alerts", "list_workloads"):
        yield {"id": "twice", "type": "function", "function": {"name": name, "arguments": "{}"}}


FAULTS: tuple[Fault, ...] = tuple(_faults())
"""Every fault, each with a server of its own."""
