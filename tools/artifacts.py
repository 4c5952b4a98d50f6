"""Raw tool output, kept by digest so that evidence can be checked and paged into."""

from typing import Protocol

from domain.errors import NotFound
from domain.model import sha256


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
