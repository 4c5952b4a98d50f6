"""Errors as RFC 9457 problem details. The one place where domain errors become HTTP statuses."""

import http
import re
from collections.abc import Mapping, Sequence

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from domain import errors
from service.webhooks import MalformedBody

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
STATUSES: Mapping[type[errors.TriagentError], int] = {
    MalformedBody: 400,
    errors.InvalidInput: 422,
    errors.Unauthenticated: 401,
    errors.AccessDenied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.UpstreamUnavailable: 503,
    errors.UpstreamError: 502,
    errors.Misconfigured: 500,
    errors.TriagentError: 500,
}
"""By class; the nearest ancestor counts."""
RETRY_AFTER = "5"


class FieldProblem(BaseModel):
    """One part of the input that is wrong."""

    path: str
    message: str


class Problem(BaseModel):
    """RFC 9457. `type` is stable and names the error; `instance` is the path that was asked for."""

    model_config = ConfigDict(json_schema_extra={"required": ["type", "title", "status", "detail", "instance"]})

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] = Field(default_factory=list[FieldProblem])


def install(app: FastAPI) -> None:
    """Handle every error of `app`."""
    app.add_exception_handler(errors.TriagentError, _on_triagent_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_bug)


def slug_of(error: errors.TriagentError) -> str:
    """`StaleDigest` is `stale-digest`: in problem types and as the result in the audit log."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()


def status_of(error: errors.TriagentError) -> int:
    """The HTTP status of an error."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def problem(
    status: int,
    slug: str,
    detail: str,
    instance: str,
    *,
    fields: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response for one problem."""
    body = Problem(
        type=f"urn:triagent:problem:{slug}",
        title=slug.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        instance=instance,
        errors=list(fields),
    )
    content = body.model_dump(exclude=set() if fields else {"errors"})
    return JSONResponse(content, status, headers=headers, media_type=MEDIA_TYPE)


def _on_triagent_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.TriagentError)  # noqa: S101 - registered for it
    status = status_of(error)
    headers: dict[str, str] = {}
    if status == http.HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = RETRY_AFTER
    violations = error.violations if isinstance(error, errors.InvalidPlan) else ()
    fields = [FieldProblem(path="plan", message=violation) for violation in violations]
    return problem(status, slug_of(error), str(error), request.url.path, fields=fields, headers=headers)


def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    listed = error.errors()
    if any(item["type"] == "json_invalid" for item in listed):
        return problem(400, "malformed-body", f"the body is not JSON: {listed[0]['ctx']['error']}", request.url.path)
    fields = [FieldProblem(path=".".join(map(str, item["loc"])), message=item["msg"]) for item in listed]
    detail = "; ".join(f"{item.path}: {item.message}" for item in fields[:5])
    return problem(422, "invalid-input", detail, request.url.path, fields=fields)


def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    status = http.HTTPStatus(error.status_code)
    # Python 3.13 has RFC 9110's name for 413, older ones do not; the type must not depend on it.
    slug = "content-too-large" if status == 413 else status.phrase.lower().replace(" ", "-")
    return problem(error.status_code, slug, str(error.detail), request.url.path, headers=error.headers)


def _on_disconnect(request: Request, _error: Exception) -> JSONResponse:
    # Nobody reads this; without it, a sender that gives up would look like a bug of ours.
    return problem(400, "client-disconnected", "the body did not arrive in full", request.url.path)


def _on_bug(request: Request, error: Exception) -> JSONResponse:
    log.error("http.failed", path=request.url.path, exc_info=error)
    return problem(500, "internal-error", "this is a bug in triagent; its log says more", request.url.path)
