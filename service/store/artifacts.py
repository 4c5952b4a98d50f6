"""Raw tool output by digest, compressed. Implements `tools.artifacts.Artifacts`."""

import asyncio
import gzip
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from domain.errors import NotFound
from domain.model import sha256
from service.store.database import Database
from service.store.tables import artifacts

Answer = TypeVar("Answer")
IN_THREAD = 64 * 1024
"""Bytes from which compressing is worth a thread of its own."""
FRESH = timedelta(days=1)
"""What is put again later than this is as new: its age is what retention goes by."""


class ArtifactStore:
    """Artifacts in the database, so that API and workers on different machines see the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, data: bytes) -> str:
        """Store `data`; the answer is its SHA-256 in hex. The same bytes are kept once."""
        digest = await _in_thread_if_large(sha256, data)
        if await self._renewed(digest):
            return digest
        row = {
            "digest": digest,
            "size": len(data),
            "stored_at": datetime.now(UTC),
            "gzip": await _in_thread_if_large(_compressed, data),
        }
        with suppress(IntegrityError):  # somebody else stored the same bytes a moment ago
            await self._database.write(lambda connection: connection.execute(insert(artifacts).values(**row)))
        return digest

    async def get(self, digest: str) -> bytes:
        """The bytes of that digest. Raises `NotFound`."""
        query = select(artifacts.c.gzip).where(artifacts.c.digest == digest)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        if row is None:
            raise NotFound(f"no artifact {digest[:80]}")
        return gzip.decompress(row.gzip)

    async def forget(self, before: datetime, limit: int) -> int:
        """Drop at most `limit` artifacts that were last put before then; answers how many."""
        old = select(artifacts.c.digest).where(artifacts.c.stored_at < before).limit(limit)
        gone = delete(artifacts).where(artifacts.c.digest.in_(old))
        return await self._database.write(lambda connection: connection.execute(gone).rowcount)

    async def _renewed(self, digest: str) -> bool:
        """Whether it is stored; then it is as if stored now."""
        query = select(artifacts.c.stored_at).where(artifacts.c.digest == digest)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        now = datetime.now(UTC)
        if row is None or now - row.stored_at < FRESH:
            return row is not None
        renew = update(artifacts).where(artifacts.c.digest == digest).values(stored_at=now)
        return await self._database.write(lambda connection: connection.execute(renew).rowcount) > 0


def _compressed(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=3, mtime=0)


async def _in_thread_if_large(function: Callable[[bytes], Answer], data: bytes) -> Answer:
    return function(data) if len(data) < IN_THREAD else await asyncio.to_thread(function, data)
