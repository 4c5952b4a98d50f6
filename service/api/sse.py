"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse

HEARTBEAT = 15.0
"""Seconds of silence after which a comment keeps proxies from closing the connection."""
COMMENT = b": still here\n\n"


def event(kind: str, data: str, number: int | None = None) -> bytes:
    """One event; `data` is JSON on one line."""
    identity = f"id: {number}\n" if number is not None else ""
    return f"{identity}event: {kind}\ndata: {data}\n\n".encode()


def stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """The response that sends them as they come."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)
