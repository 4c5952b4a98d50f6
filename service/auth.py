"""Who is asking, and what they may do."""

import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pydantic import Field, SecretStr

from domain.approvals import Actor
from domain.errors import Conflict, Forbidden, Unauthenticated
from domain.model import Model, sha256
from domain.policy import Role
from service.scopes import SCOPES, Scope
from service.store.tokens import Token, TokenStore

PREFIX = "tri_"
"""Makes a token recognisable, to people and to secret scanners."""
SECRET_BYTES = 32
USED_PRECISION = timedelta(minutes=1)
BOOTSTRAP = "bootstrap"


class Identity(Model):
    """An authenticated caller."""

    name: str
    scopes: tuple[Scope, ...]
    roles: tuple[Role, ...]

    @property
    def actor(self) -> Actor:
        """The same person, as decisions name them."""
        return Actor(name=self.name, roles=self.roles)

    def require(self, scope: Scope) -> None:
        """Return if `scope` was granted. Raises `Forbidden`."""
        if scope not in self.scopes:
            raise Forbidden(f"{self.name} does not have the scope {scope}")


class TokenRequest(Model):
    """A token to be made. `name` becomes the identity in decisions and in the audit log."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._@-]{0,127}$")
    scopes: tuple[Scope, ...] = Field(min_length=1)
    roles: tuple[Role, ...] = ()
    expires_in_days: float | None = Field(default=None, gt=0, le=3650)


class Authenticator:
    """Knows tokens by their digest, and the bootstrap token of the settings."""

    def __init__(self, tokens: TokenStore, bootstrap: SecretStr | None) -> None:
        self._tokens = tokens
        self._bootstrap = sha256(bootstrap.get_secret_value().encode()) if bootstrap else None
        self._used: dict[str, datetime] = {}

    async def identify(self, authorization: str | None) -> Identity:
        """The caller behind an `Authorization` header. Raises `Unauthenticated`."""
        scheme, _, secret = (authorization or "").strip().partition(" ")
        if not secret:
            raise Unauthenticated("missing_token")
        if scheme.lower() != "bearer":
            raise Unauthenticated("invalid_token")
        digest = sha256(secret.strip().encode())
        if self._bootstrap and hmac.compare_digest(digest, self._bootstrap):
            return Identity(name=BOOTSTRAP, scopes=SCOPES, roles=("admin",))
        return await self._known(digest)

    async def _known(self, digest: str) -> Identity:
        token = await self._tokens.by_digest(digest)
        now = datetime.now(UTC)
        if token is None or not token.valid(now):
            raise Unauthenticated("invalid_token")
        if now - self._used.get(digest, datetime.min.replace(tzinfo=UTC)) >= USED_PRECISION:
            self._used[digest] = now
            await self._tokens.used(digest, now)
        return Identity(name=token.name, scopes=token.scopes, roles=token.roles)


async def create_token(tokens: TokenStore, wanted: TokenRequest, creator: Identity) -> tuple[Token, str]:
    """Make a token; the answer has the secret, which is never seen again.

    Raises `Conflict` if the name is taken, and `Forbidden` if the creator would give what they do not have.
    """
    if wanted.name == BOOTSTRAP:
        raise Conflict(f"{BOOTSTRAP} is the identity of TRIAGE_API__BOOTSTRAP_TOKEN")
    _refuse_escalation(wanted, creator)
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    token = _token(wanted, creator.name)
    await tokens.add(token, sha256(secret.encode()))
    return token, secret


def _refuse_escalation(wanted: TokenRequest, creator: Identity) -> None:
    if "admin" in creator.roles:
        return
    extra = sorted({*wanted.scopes, *wanted.roles} - {*creator.scopes, *creator.roles})
    if extra:
        raise Forbidden(f"{creator.name} cannot grant what they do not have: {', '.join(extra)}")


def _token(wanted: TokenRequest, creator: str) -> Token:
    now = datetime.now(UTC)
    days = wanted.expires_in_days
    return Token(
        name=wanted.name,
        scopes=_in_order(wanted.scopes),
        roles=tuple(dict.fromkeys(wanted.roles)),
        created_at=now,
        created_by=creator,
        expires_at=now + timedelta(days=days) if days else None,
        last_used_at=None,
        revoked_at=None,
    )


def _in_order(scopes: Sequence[Scope]) -> tuple[Scope, ...]:
    return tuple(scope for scope in SCOPES if scope in scopes)
