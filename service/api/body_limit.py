"""Refuses request bodies over a size while they arrive, whether or not they announce it."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware. The framework's own limit answers in plain text; ours is a problem like every other."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the body of one request. Reading too much of it raises an `HTTPException` with status 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = 0
        announced = _content_length(scope)

        async def counted() -> Message:
            nonlocal seen
            if announced > self._max_bytes:
                raise self._too_large()
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"the body is over {self._max_bytes} bytes (TRIAGE_API__MAX_BODY)")


def _content_length(scope: Scope) -> int:
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(values[0]) if values and values[0].isdigit() else 0
