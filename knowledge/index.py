"""The one way to search documents: words always, meaning where a dense model is set."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.learning import DocumentKind, KnowledgeQuery
from domain.model import digest_of
from knowledge import confidence, ranking
from knowledge.chunking import CHUNK_LIMIT, Chunk, chunked
from knowledge.confidence import Calibration
from knowledge.documents import Document
from knowledge.encoding import sentence_of, terms_of, words_of
from knowledge.ports import ChunkStore, Embedder
from knowledge.ranking import Hit, Scorer, hits_of
from knowledge.terms import TERMS_VERSION, TermStatistics, document_terms
from knowledge.vectors import EncodedChunk, EncodedQuery, TermIds, term_ids

CANDIDATES = 50
"""Chunks taken from each of the two searches; the right one is nearly always among them."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a refresh did, in documents."""

    written: int
    removed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class _Known:
    digest: str
    terms: tuple[TermIds, ...]


class HybridIndex:
    """Documents in a `ChunkStore`, ranked by `scorer`, with confidence by `calibration`.

    Searches run in threads and may overlap; writes are one at a time.
    """

    def __init__(
        self,
        store: ChunkStore,
        embedder: Embedder | None = None,
        *,
        scorer: Scorer | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._scorer = scorer or (ranking.BY_WORDS_AND_MEANING if embedder else ranking.BY_WORDS)
        self._calibration = calibration or (confidence.BY_WORDS_AND_MEANING if embedder else confidence.BY_WORDS)
        self._statistics = TermStatistics()
        self._documents: dict[str, _Known] = {}
        self._writing = asyncio.Lock()

    @property
    def identity(self) -> str:
        """Changes whenever stored vectors would: then everything is indexed afresh."""
        model = self._embedder.identity if self._embedder else "words"
        return digest_of([TERMS_VERSION, CHUNK_LIMIT, model])[:12]

    async def refresh(self, documents: Iterable[Document]) -> Changes:
        """Make the index hold exactly `documents`, writing only what differs."""
        wanted = {document.key: document for document in documents}
        async with self._writing:
            return await asyncio.to_thread(self._refresh, wanted)

    async def put(self, documents: Sequence[Document]) -> None:
        """Insert or replace `documents`, leaving the others."""
        async with self._writing:
            await asyncio.to_thread(self._write, documents, ())

    async def search(self, query: KnowledgeQuery, kinds: Sequence[DocumentKind]) -> tuple[Hit, ...]:
        """Documents of `kinds`, best first, up to `CANDIDATES`; nothing for a query without a word."""
        return await asyncio.to_thread(self._search, query, kinds)

    def confidence(self, hit: Hit) -> float:
        """The calibrated probability that `hit` is what was asked for."""
        return self._calibration(hit.features)

    async def close(self) -> None:
        """Flush and release the store."""
        async with self._writing:
            await asyncio.to_thread(self._store.close)

    def _search(self, query: KnowledgeQuery, kinds: Sequence[DocumentKind]) -> tuple[Hit, ...]:
        words = words_of(query)
        weighted = self._statistics.weighted(terms_of(words))
        sentence = sentence_of(words)
        if not sentence:
            return ()
        dense = self._embedder.query(sentence) if self._embedder else None
        candidates = self._store.search(EncodedQuery(weighted, dense), kinds, CANDIDATES)
        return hits_of(candidates, weighted, self._statistics, self._scorer)

    def _refresh(self, wanted: dict[str, Document]) -> Changes:
        opened = self._store.open(self.identity, self._embedder.size if self._embedder else None)
        if opened or not self._agrees(wanted):
            self._recount()
        gone = [key for key in self._documents if key not in wanted]
        changed = [document for key, document in wanted.items() if not self._holds(key, document.digest)]
        if gone or changed:
            self._write(changed, gone)
        return Changes(written=len(changed), removed=len(gone), unchanged=len(wanted) - len(changed))

    def _agrees(self, wanted: dict[str, Document]) -> bool:
        """Whether the store, as it was last seen and written here, holds just these: then it need not be read again.

        What another process adds to a shared store is in `wanted` too, since both read the same files and database.
        """
        return {key: known.digest for key, known in self._documents.items()} == {
            key: document.digest for key, document in wanted.items()
        }

    def _recount(self) -> None:
        terms: defaultdict[tuple[str, str], list[TermIds]] = defaultdict(list)
        for stored in self._store.contents():
            terms[stored.key, stored.digest].append(stored.terms)
        self._documents = {key: _Known(digest, tuple(chunks)) for (key, digest), chunks in terms.items()}
        self._statistics = TermStatistics(chunk for known in self._documents.values() for chunk in known.terms)

    def _holds(self, key: str, digest: str) -> bool:
        known = self._documents.get(key)
        return known is not None and known.digest == digest

    def _write(self, documents: Sequence[Document], gone: Sequence[str]) -> None:
        replaced = [document.key for document in documents if document.key in self._documents]
        encoded = self._encoded([chunk for document in documents for chunk in chunked(document)])
        self._store.replace([*gone, *replaced], encoded)
        for key in (*gone, *replaced):
            for chunk in self._documents.pop(key).terms:
                self._statistics.remove(chunk)
        self._count(encoded)

    def _count(self, encoded: Sequence[EncodedChunk]) -> None:
        for item in encoded:
            terms = term_ids(item.terms)
            known = self._documents.get(item.chunk.key)
            before = known.terms if known else ()
            self._documents[item.chunk.key] = _Known(item.chunk.digest, (*before, terms))
            self._statistics.add(terms)

    def _encoded(self, chunks: Sequence[Chunk]) -> list[EncodedChunk]:
        texts = [_indexed_text(chunk) for chunk in chunks]
        dense = self._embedder.documents([_sentence(chunk) for chunk in chunks]) if self._embedder and chunks else None
        return [
            EncodedChunk(chunk, document_terms(text), dense[number] if dense else None)
            for number, (chunk, text) in enumerate(zip(chunks, texts, strict=True))
        ]


def _indexed_text(chunk: Chunk) -> str:
    """Names count twice: they say what the whole document is about."""
    names = f"{chunk.title}\n{chunk.keywords}"
    return f"{names}\n{names}\n{chunk.heading}\n{chunk.text}"


def _sentence(chunk: Chunk) -> str:
    return f"{chunk.title}\n{chunk.heading}\n{chunk.text}"
