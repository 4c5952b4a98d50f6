"""Peers that misbehave: raw TCP servers and transports that lose answers."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Self

import httpx

from tools.http import HttpPolicy

FAST = HttpPolicy(timeout=2, connect_timeout=1, backoff=0.001)


class Peer:
    """A TCP server on loopback that answers every request with `chunks`, and counts what it could send."""

    def __init__(self) -> None:
        self.chunks: Callable[[], AsyncIterator[bytes]] = _nothing
        self.requests = 0
        self.sent = 0
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            async for chunk in self.chunks():
                writer.write(chunk)
                await writer.drain()
                self.sent += len(chunk)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in ():
        yield chunk


class LosesAnswers(httpx.AsyncBaseTransport):
    """Delivers every request, and loses the answers to the first `times` writes, as a cut connection does."""

    def __init__(self, times: int = 1) -> None:
        # The peer is the lab's, with a certificate of its own.
        insecure = ssl.create_default_context()
        insecure.check_hostname = False
        insecure.verify_mode = ssl.CERT_NONE
        self._inner = httpx.AsyncHTTPTransport(verify=insecure)
        self._times = times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The peer's answer, or `ReadTimeout` after it has answered."""
        response = await self._inner.handle_async_request(request)
        if request.method in {"PATCH", "POST"} and self._times > 0:
            self._times -= 1
            await response.aread()
            await response.aclose()
            raise httpx.ReadTimeout("the answer was lost", request=request)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()
