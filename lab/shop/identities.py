"""Who may call the shop's APIs: one identity that reads and one that also writes, each with its bearer token."""

import secrets
from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """A caller."""

    user: str
    may_write: bool


READER = Identity("shop-read", may_write=False)
WRITER = Identity("shop-write", may_write=True)


class Tokens:
    """Bearer tokens of one API, made anew for every run."""

    def __init__(self) -> None:
        self.read = secrets.token_hex(20)
        self.write = secrets.token_hex(20)

    def identify(self, authorization: str) -> Identity | None:
        """The caller behind an `Authorization` header; None without a token or with an unknown one."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        if secrets.compare_digest(token, self.write):
            return WRITER
        return READER if secrets.compare_digest(token, self.read) else None
