"""Operator tokens. Only the SHA-256 of a token is stored: 32 random bytes cannot be guessed from it."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from domain.errors import Conflict, NotFound
from domain.model import Model, Timestamp
from domain.policy import Role
from service.scopes import Scope
from service.store.database import Database
from service.store.tables import tokens


class Token(Model):
    """What is known of a token; never the token itself. `name` is the identity it gives."""

    name: str
    scopes: tuple[Scope, ...]
    roles: tuple[Role, ...]
    created_at: Timestamp
    created_by: str
    expires_at: Timestamp | None
    last_used_at: Timestamp | None
    revoked_at: Timestamp | None

    def valid(self, at: datetime) -> bool:
        """Whether it opens anything at that time."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


class TokenStore:
    """Tokens by name and by digest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: Token, digest: str) -> None:
        """Keep a new token. Raises `Conflict` while another of that name is valid."""
        expired = update(tokens).where(tokens.c.name == token.name, tokens.c.expires_at <= token.created_at)
        row = token.model_dump(exclude={"scopes", "roles"}) | {"scopes": token.scopes, "roles": token.roles}

        def add(connection: Connection) -> None:
            connection.execute(expired.values(active=False))
            connection.execute(insert(tokens).values(id=uuid.uuid4().hex, digest=digest, active=True, **row))

        try:
            await self._database.write(add)
        except IntegrityError as error:
            raise Conflict(f"there is a token named {token.name}; revoke it first") from error

    async def by_digest(self, digest: str) -> Token | None:
        """The token with that SHA-256, valid or not."""
        query = select(tokens).where(tokens.c.digest == digest)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return _token(row) if row else None

    async def all(self) -> Sequence[Token]:
        """Every token ever made, newest first."""
        query = select(tokens).order_by(tokens.c.created_at.desc(), tokens.c.id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [_token(row) for row in rows]

    async def revoke(self, name: str) -> None:
        """End a token at once. Raises `NotFound` if no token of that name is active."""
        active = update(tokens).where(tokens.c.name == name, tokens.c.active)
        ended = active.values(active=False, revoked_at=datetime.now(UTC))
        if await self._database.write(lambda connection: connection.execute(ended).rowcount) == 0:
            raise NotFound(f"no active token named {name}")

    async def used(self, digest: str, at: datetime) -> None:
        """Remember when a token was last used."""
        used = update(tokens).where(tokens.c.digest == digest).values(last_used_at=at)
        await self._database.write(lambda connection: connection.execute(used))


def _token(row: Row[Any]) -> Token:
    return Token.model_validate({name: getattr(row, name) for name in Token.model_fields})
