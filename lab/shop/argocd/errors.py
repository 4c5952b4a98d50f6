"""Refusals of Argo CD's API: gRPC codes, told over HTTP by its gateway."""

from typing import ClassVar

from pydantic import JsonValue


class RefusalError(Exception):
    """A refusal with its gRPC code and the HTTP status the gateway makes of it.

    ```
    RefusalError
    ├── InvalidArgumentError 3 (400)    ├── FailedPreconditionError 9 (400)
    ├── NoSuchError 5 (404)             └── UnauthenticatedError 16 (401)
    └── PermissionDeniedError 7 (403)
    ```
    """

    code: ClassVar[int]
    status: ClassVar[int]

    def body(self) -> dict[str, JsonValue]:
        """The response body."""
        return {"error": str(self), "code": self.code, "message": str(self)}


class InvalidArgumentError(RefusalError):
    """The request makes no sense."""

    code = 3
    status = 400


class NoSuchError(RefusalError):
    """There is no such thing, and the caller may know that."""

    code = 5
    status = 404


class PermissionDeniedError(RefusalError):
    """The caller may not, or may not know."""

    code = 7
    status = 403


class FailedPreconditionError(RefusalError):
    """Not in the state the application is in."""

    code = 9
    status = 400


class UnauthenticatedError(RefusalError):
    """No token, or one Argo CD does not know."""

    code = 16
    status = 401
