"""Authentication and authorisation of requests. Refusals are audited; anything unclear is a refusal."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from domain.errors import Forbidden, Unauthenticated
from service.api.services import Provided, Services
from service.auth import Identity
from service.scopes import Scope
from service.store.audit import AuditEvent

_BEARER = HTTPBearer(auto_error=False, description="An operator token: `triagent token create`")


async def identified(request: Request, provided: Services) -> Identity:
    """Who sent `request`. Raises `Unauthenticated`, audited."""
    try:
        return await provided.authenticator.identify(request.headers.get("authorization"))
    except Unauthenticated as error:
        await provided.refusals.record(error.status, address(request), _target(request))
        raise


async def _identity(
    request: Request,
    provided: Provided,
    _documented: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Identity:
    return await identified(request, provided)


Authenticated = Annotated[Identity, Depends(_identity)]


class Requires:
    """A dependency: the caller, who has `scope`."""

    def __init__(self, scope: Scope) -> None:
        self._scope: Scope = scope

    async def __call__(self, request: Request, provided: Provided, identity: Authenticated) -> Identity:
        """The caller. Raises `Forbidden`, audited."""
        try:
            identity.require(self._scope)
        except Forbidden as error:
            event = AuditEvent(
                actor=identity.name,
                action=f"use {self._scope}",
                target=_target(request),
                result="forbidden",
                ip=address(request),
                detail=str(error),
            )
            await provided.audit.record(event)
            raise
        return identity


def address(request: Request) -> str:
    """Where the request came from."""
    return request.client.host if request.client else ""


def _target(request: Request) -> str:
    return f"{request.method} {request.url.path}"


AlertSender = Annotated[Identity, Depends(Requires("alerts:write"))]
IncidentReader = Annotated[Identity, Depends(Requires("incidents:read"))]
Decider = Annotated[Identity, Depends(Requires("incidents:decide"))]
Asker = Annotated[Identity, Depends(Requires("ask"))]
Auditor = Annotated[Identity, Depends(Requires("audit:read"))]
TokenAdmin = Annotated[Identity, Depends(Requires("tokens:write"))]
