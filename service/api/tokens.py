"""Operator tokens: made, listed, revoked. A token's secret is shown once."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from domain.errors import TriagentError
from service.api.callers import TokenAdmin, address
from service.api.problems import slug_of
from service.api.services import Provided
from service.auth import TokenRequest, create_token
from service.store.audit import AuditEvent
from service.store.tokens import Token

router = APIRouter(tags=["tokens"])


class CreatedToken(Token):
    """A new token, with its secret."""

    token: str


@router.post("/tokens", status_code=201)
async def create(wanted: TokenRequest, request: Request, provided: Provided, caller: TokenAdmin) -> CreatedToken:
    """Make a token. Its name is the identity it gives; nobody can grant what they do not have, save an admin."""
    detail = f"scopes {', '.join(wanted.scopes)}; roles {', '.join(wanted.roles) or 'none'}"
    event = AuditEvent(
        actor=caller.name, action="token.create", target=wanted.name, result="ok", ip=address(request), detail=detail
    )
    try:
        token, secret = await create_token(provided.tokens, wanted, caller)
    except TriagentError as error:
        await provided.audit.record(event.model_copy(update={"result": slug_of(error)}))
        raise
    await provided.audit.record(event)
    return CreatedToken(token=secret, **{name: getattr(token, name) for name in Token.model_fields})


@router.get("/tokens")
async def list_tokens(provided: Provided, _caller: TokenAdmin) -> list[Token]:
    """Every token there is or was, newest first; never a secret."""
    return list(await provided.tokens.all())


@router.delete("/tokens/{name}", status_code=204, response_class=Response)
async def revoke(name: str, request: Request, provided: Provided, caller: TokenAdmin) -> None:
    """Revoke a token, at once."""
    event = AuditEvent(actor=caller.name, action="token.revoke", target=name, result="ok", ip=address(request))
    try:
        await provided.tokens.revoke(name)
    except TriagentError as error:
        await provided.audit.record(event.model_copy(update={"result": slug_of(error)}))
        raise
    await provided.audit.record(event)
