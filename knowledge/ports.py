"""What the knowledge part needs from others: the service's backlog, a place for chunks, a dense model."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from domain.learning import BacklogItem, DocumentKind, Pattern
from knowledge.vectors import Candidate, EncodedChunk, EncodedQuery, StoredTerms


class Backlog(Protocol):
    """Patterns and closed incidents as the service's database keeps them. Saving twice by one id keeps one."""

    async def patterns(self) -> tuple[Pattern, ...]:
        """Every saved pattern."""
        ...

    async def save_pattern(self, pattern: Pattern) -> None:
        """Insert or replace by `pattern.id`."""
        ...

    async def items(self) -> tuple[BacklogItem, ...]:
        """Every closed incident."""
        ...

    async def item(self, incident_id: str) -> BacklogItem | None:
        """One closed incident; None where it was not saved."""
        ...

    async def save_item(self, item: BacklogItem) -> None:
        """Insert or replace by `item.incident_id`."""
        ...


class Embedder(Protocol):
    """A dense sentence model. `identity` changes whenever its vectors do; `size` is their dimension."""

    identity: str
    size: int

    def documents(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector a text."""
        ...

    def query(self, text: str) -> list[float]:
        """The unit vector of a query."""
        ...


class ChunkStore(Protocol):
    """Chunks with their vectors. Calls block: run them in a thread. Raises `CorruptStore` or `UpstreamUnavailable`."""

    def open(self, identity: str, dense_size: int | None) -> bool:
        """Open what was stored under `identity`, or make it empty; nothing if it is open already.

        Another identity's chunks are never seen. True where the contents may be others than at the last call.
        """
        ...

    def contents(self) -> Iterable[StoredTerms]:
        """Every chunk's document, digest and terms: what term statistics and refreshes are made from."""
        ...

    def replace(self, removed: Sequence[str], chunks: Sequence[EncodedChunk]) -> None:
        """Drop all chunks of the documents `removed` (by key), then add `chunks`."""
        ...

    def search(self, query: EncodedQuery, kinds: Sequence[DocumentKind], limit: int) -> tuple[Candidate, ...]:
        """The best `limit` by terms and the best `limit` by dense vector, each with both scores."""
        ...

    def close(self) -> None:
        """Flush and release."""
        ...
