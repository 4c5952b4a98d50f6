"""What an API server answers when it refuses, as exceptions that carry their `metav1.Status`.

```
StatusError
├── BadRequestError 400     ├── MethodNotAllowedError 405   ├── GoneError 410
├── UnauthorizedError 401   ├── AlreadyExistsError 409      ├── UnsupportedMediaTypeError 415
├── ForbiddenError 403      ├── ConflictError 409           └── InvalidError 422
└── NotFoundError 404
```
Source: https://github.com/kubernetes/apimachinery/blob/master/pkg/api/errors/errors.go
"""

from typing import ClassVar

from pydantic import JsonValue

from lab.shop.cluster.kinds import Kind


class StatusError(Exception):
    """A refusal: HTTP code, machine-readable reason, message and details."""

    code: ClassVar[int]
    reason: ClassVar[str]

    def __init__(self, message: str, kind: Kind | None = None, name: str = "", causes: list[JsonValue] | None = None):
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.name = name
        self.causes = causes or []

    def status(self) -> dict[str, JsonValue]:
        """The `Status` object of the response body."""
        details: dict[str, JsonValue] = {}
        if self.name:
            details["name"] = self.name
        if self.kind:
            details |= {"group": self.kind.group} if self.kind.group else {}
            details["kind"] = self.kind.name if self.causes else self.kind.plural
        if self.causes:
            details["causes"] = self.causes
        body: dict[str, JsonValue] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": self.message, "reason": self.reason}
        if details:
            body["details"] = details
        return {**body, "code": self.code}


class BadRequestError(StatusError):
    """The request cannot be understood."""

    code = 400
    reason = "BadRequest"


class UnauthorizedError(StatusError):
    """No token, or one the server does not know."""

    code = 401
    reason = "Unauthorized"


class ForbiddenError(StatusError):
    """The user may not do this."""

    code = 403
    reason = "Forbidden"


class NotFoundError(StatusError):
    """There is no such object, or no such resource."""

    code = 404
    reason = "NotFound"

    @classmethod
    def named(cls, kind: Kind, name: str) -> "NotFoundError":
        """The answer for a missing object."""
        return cls(f'{kind.resource} "{name}" not found', kind, name)


class MethodNotAllowedError(StatusError):
    """The resource exists but does not support this verb."""

    code = 405
    reason = "MethodNotAllowed"


class AlreadyExistsError(StatusError):
    """An object of this name is already there."""

    code = 409
    reason = "AlreadyExists"


class ConflictError(StatusError):
    """The precondition in the request does not hold."""

    code = 409
    reason = "Conflict"

    @classmethod
    def modified(cls, kind: Kind, name: str) -> "ConflictError":
        """The answer to a stale `resourceVersion`."""
        why = "the object has been modified; please apply your changes to the latest version and try again"
        return cls(f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}', kind, name)

    @classmethod
    def other_uid(cls, kind: Kind, name: str, wanted: str, found: str) -> "ConflictError":
        """The answer to a `uid` that names an earlier object."""
        why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
        return cls(f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}', kind, name)


class GoneError(StatusError):
    """The wanted `resourceVersion` is too old to be watched from."""

    code = 410
    reason = "Expired"


class UnsupportedMediaTypeError(StatusError):
    """The body's content type is not one the server patches with."""

    code = 415
    reason = "UnsupportedMediaType"


class InvalidError(StatusError):
    """The object would not be valid."""

    code = 422
    reason = "Invalid"

    @classmethod
    def field(cls, kind: Kind, name: str, field: str, message: str) -> "InvalidError":
        """The answer when one field's value is not allowed."""
        cause: JsonValue = {"reason": "FieldValueInvalid", "message": message, "field": field}
        return cls(f'{kind.qualified} "{name}" is invalid: {field}: {message}', kind, name, [cause])
