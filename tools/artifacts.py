"""Raw tool output, kept by digest so that evidence can be checked and paged into."""

import asyncio
import contextlib
import gzip
import os
import re
import tempfile
import zlib
from pathlib import Path
from typing import Protocol

from domain.errors import CorruptStore, NotFound
from domain.model import sha256

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Artifacts(Protocol):
    """Content-addressed storage. What is put twice is kept once."""

    async def put(self, data: bytes) -> str:
        """Keep `data`; returns its SHA-256 in hexadecimal."""
        ...

    async def get(self, digest: str) -> bytes:
        """The bytes of that digest. Raises `NotFound`."""
        ...


class MemoryArtifacts:
    """Artifacts that live as long as the process."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    async def put(self, data: bytes) -> str:
        """Keep `data`; returns its digest."""
        digest = sha256(data)
        self._data[digest] = data
        return digest

    async def get(self, digest: str) -> bytes:
        """The bytes of that digest. Raises `NotFound`."""
        if digest not in self._data:
            raise NotFound(f"no artifact {digest}")
        return self._data[digest]


class DirectoryArtifacts:
    """Artifacts as gzip files, `ab/cd/abcd….gz`. A file appears whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def put(self, data: bytes) -> str:
        """Keep `data`; returns its digest. Files of equal content are written once."""
        return await asyncio.to_thread(self._write, data)

    async def get(self, digest: str) -> bytes:
        """The bytes of that digest. Raises `NotFound`, or `CorruptStore` if the file no longer has that content."""
        return await asyncio.to_thread(self._read, digest)

    def _file(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise NotFound(f"{digest[:80]!r} is not a SHA-256 digest")
        return self.path / digest[:2] / digest[2:4] / f"{digest}.gz"

    def _write(self, data: bytes) -> str:
        digest = sha256(data)
        file = self._file(digest)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            _write_atomically(file, gzip.compress(data, compresslevel=6, mtime=0))
        return digest

    def _read(self, digest: str) -> bytes:
        file = self._file(digest)
        try:
            data = gzip.decompress(file.read_bytes())
        except FileNotFoundError:
            raise NotFound(f"no artifact {digest}") from None
        except (OSError, EOFError, zlib.error) as exc:
            raise CorruptStore(f"artifact {file} cannot be read ({exc}); delete the file") from exc
        if sha256(data) != digest:
            raise CorruptStore(f"artifact {file} does not have the content it is named for; delete the file")
        return data


def _write_atomically(file: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as part:
            part.write(data)
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
