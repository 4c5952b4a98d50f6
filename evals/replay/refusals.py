"""What the API server answers when it does not give what was asked: a `Status`.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#api-errors, messages as in `k8s.io/apimachinery`.
"""

from http import HTTPStatus

from tools.documents import JsonObject
from tools.kubernetes.kinds import Kind

USER = "system:serviceaccount:triagent:reader"
"""Who asks, in the words of a refusal: the replay has one identity, and it may read everything."""


class Refused(Exception):
    """An answer other than 200. It never leaves the replayed server."""

    def __init__(self, code: HTTPStatus, reason: str, message: str, details: JsonObject | None = None) -> None:
        super().__init__(message)
        self.code = code
        self._body: JsonObject = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": details} if details else {}),
            "code": int(code),
        }

    @property
    def status(self) -> JsonObject:
        """The body."""
        return self._body


def bad_request(message: str) -> Refused:
    """400."""
    return Refused(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def not_found(kind: Kind, name: str) -> Refused:
    """404 for an object."""
    return Refused(
        HTTPStatus.NOT_FOUND, "NotFound", f'{_resource(kind)} "{name}" not found', {"name": name, "kind": kind.plural}
    )


def no_such_resource() -> Refused:
    """404 for a path that leads to no resource."""
    message = "the server could not find the requested resource"
    return Refused(HTTPStatus.NOT_FOUND, "NotFound", message, {})


def forbidden(kind: Kind, name: str, verb: str, namespace: str | None) -> Refused:
    """403: the identity reads, and does nothing else."""
    group = kind.api_version.rpartition("/")[0]
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    message = (
        f'{_resource(kind)} "{name}" is forbidden: User "{USER}" cannot {verb} resource "{kind.plural}" '
        f'in API group "{group}" {where}'
    )
    return Refused(HTTPStatus.FORBIDDEN, "Forbidden", message, {"name": name, "group": group, "kind": kind.plural})


def not_allowed() -> Refused:
    """405: no such verb on this path."""
    message = "the server does not allow this method on the requested resource"
    return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message)


def unsupported_media_type() -> Refused:
    """415: a patch of another kind."""
    message = "the body of the request was in an unknown format"
    return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)


def _resource(kind: Kind) -> str:
    group = kind.api_version.rpartition("/")[0]
    return f"{kind.plural}.{group}" if group else kind.plural
