"""Answers that go on until somebody has enough."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

Part = TypeVar("Part", str, bytes)


async def until_set(stopping: asyncio.Event, parts: AsyncIterator[Part]) -> AsyncGenerator[Part]:
    """The parts as they come, to their end or until the server stops: an open watch must not hold it up."""
    stopped = asyncio.ensure_future(stopping.wait())
    try:
        while not stopping.is_set():
            following = asyncio.ensure_future(anext(parts, None))
            await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                return
            part = following.result()
            if part is None:
                return
            yield part
    finally:
        stopped.cancel()
