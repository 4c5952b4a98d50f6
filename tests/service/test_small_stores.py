"""Artifacts, tokens and the backlog, on SQLite and on PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Conflict, NotFound
from domain.learning import BacklogItem, Efficacy, Pattern
from domain.model import sha256
from service.store.artifacts import ArtifactStore
from service.store.backlog import BacklogStore
from service.store.database import Database
from service.store.tokens import Token, TokenStore

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("data", [b"", b"\0\xff", b"x" * 1_000_000], ids=["empty", "binary", "large"])
async def test_artifacts_come_back_as_they_went_in(database: Database, data: bytes) -> None:
    """Under the digest of their bytes, however often and from however many they are stored."""
    store = ArtifactStore(database)
    digests = await asyncio.gather(*(store.put(data) for _ in range(5)))
    assert set(digests) == {sha256(data)}
    assert await store.get(digests[0]) == data


async def test_an_unknown_artifact_is_not_found(database: Database) -> None:
    """Not an empty one."""
    with pytest.raises(NotFound):
        await ArtifactStore(database).get("0" * 64)


def token(**changes: object) -> Token:
    fields = {"name": "alice", "scopes": ("ask",), "roles": ("approver",), "created_at": NOW, "created_by": "bootstrap"}
    times = dict.fromkeys(("expires_at", "last_used_at", "revoked_at"))
    return Token.model_validate(fields | times | changes)


async def test_a_name_is_one_identity_at_a_time(database: Database) -> None:
    """It is free again when its token is revoked or has expired."""
    store = TokenStore(database)
    await store.add(token(), "d1")
    with pytest.raises(Conflict):
        await store.add(token(), "d2")
    await store.revoke("alice")
    await store.add(token(expires_at=NOW + timedelta(days=1)), "d3")
    with pytest.raises(Conflict):
        await store.add(token(), "d4")
    await store.add(token(created_at=NOW + timedelta(days=2)), "d5")
    revoked = await store.by_digest("d1")
    assert revoked
    assert not revoked.valid(NOW)
    assert await store.by_digest("d5") == token(created_at=NOW + timedelta(days=2))


async def test_expiry_is_to_the_instant(database: Database) -> None:
    """A token is valid until its time, and no longer."""
    expiring = token(expires_at=NOW)
    assert expiring.valid(NOW - timedelta(microseconds=1))
    assert not expiring.valid(NOW)


async def test_the_backlog_keeps_the_last_word(database: Database) -> None:
    """Saving again by the same id replaces."""
    store = BacklogStore(database)
    pattern = Pattern(id="learned-1", title="Bad release", origin="learned", cause="bad_release")
    better = pattern.model_copy(update={"efficacy": Efficacy(held=1, last_used_at=NOW)})
    await store.save_pattern(pattern)
    await store.save_pattern(better)
    assert await store.patterns() == (better,)
    item = BacklogItem(
        incident_id="i-1", title="t", alerts=("HighErrorRate",), summary="s", outcome="resolved", closed_at=NOW
    )
    await store.save_item(item)
    await store.save_item(item)
    assert await store.items() == (item,)
    assert (await store.item("i-1"), await store.item("i-2")) == (item, None)
