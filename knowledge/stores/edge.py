"""The embedded store: a Qdrant Edge shard in a folder, for one process at a time."""

import re
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import qdrant_edge as edge

from domain.errors import CorruptStore, Misconfigured, TriagentError
from domain.learning import DocumentKind
from knowledge.stores.joining import Among, Found, joined
from knowledge.stores.lock import FolderLock
from knowledge.stores.points import DENSE, PAGE, TERMS, payload_of, point_id, sparse_of
from knowledge.vectors import Candidate, EncodedChunk, EncodedQuery, StoredTerms, term_ids

T = TypeVar("T")
_OURS = re.compile(r"^index-[0-9a-f]{12}$")


class EdgeStore:
    """A `ChunkStore` in `folder`. Each identity has a subfolder; opening one removes those of others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FolderLock(folder)
        self._opened: edge.EdgeShard | None = None
        self._identity = ""
        self._dense = False

    def open(self, identity: str, dense_size: int | None) -> bool:
        """Load or create. Raises `CorruptStore` for what cannot be read, `FolderInUse` if another process has it."""
        if self._opened is not None and self._identity == identity:
            return False
        self.close()
        # Before the engine looks: opening a shard, even in vain, breaks the journal of the process that has it.
        self._lock.acquire()
        try:
            self._identity, self._dense = identity, dense_size is not None
            self._load(self._folder / f"index-{identity}", dense_size)
        except BaseException:
            self._lock.release()
            raise
        return True

    def _load(self, shard: Path, dense_size: int | None) -> None:
        if (shard / "edge_config.json").exists():
            self._opened = self._guarded(lambda: edge.EdgeShard.load(str(shard)))
            return
        shutil.rmtree(shard, ignore_errors=True)
        shard.mkdir(parents=True)
        self._opened = self._guarded(lambda: edge.EdgeShard.create(str(shard), _layout(dense_size)))
        self._write(edge.UpdateOperation.create_field_index("kind", edge.PayloadSchemaType.Keyword))
        self._write(edge.UpdateOperation.create_field_index("key", edge.PayloadSchemaType.Keyword))
        self._remove_others(shard)

    def contents(self) -> Iterable[StoredTerms]:
        """Every chunk's document, digest and terms."""
        offset = None
        while True:
            request = edge.ScrollRequest(offset=offset, limit=PAGE, with_payload=["key", "digest"], with_vector=[TERMS])
            records, offset = self._guarded(lambda request=request: self._shard.scroll(request))
            for record in records:
                yield _stored(record)
            if offset is None:
                return

    def replace(self, removed: Sequence[str], chunks: Sequence[EncodedChunk]) -> None:
        """Drop the documents `removed` and add `chunks`.

        A few new ones go to the journal only: a flush stops the whole process for as long as the disk takes, and
        what the index holds is in files and database, too. They are flushed with the next large change, or at the end.
        """
        if removed:
            gone = edge.Filter(must=[edge.FieldCondition(key="key", match=edge.MatchAny(list(removed)))])
            self._write(edge.UpdateOperation.delete_points_by_filter(gone))
        points = [_point(chunk) for chunk in chunks]
        for start in range(0, len(points), PAGE):
            self._write(edge.UpdateOperation.upsert_points(points[start : start + PAGE]))
        if len(points) >= PAGE:
            self._guarded(self._shard.optimize)
        if removed or len(points) >= PAGE:
            self._guarded(self._shard.flush)

    def search(self, query: EncodedQuery, kinds: Sequence[DocumentKind], limit: int) -> tuple[Candidate, ...]:
        """Union of the best by terms and the best by dense vector, each with both scores."""
        return joined(self._nearest, query, kinds, limit, dense=self._dense)

    def close(self) -> None:
        """Flush and release the folder."""
        try:
            if self._opened is not None:
                self._guarded(self._opened.close)
        finally:
            self._opened = None
            self._lock.release()

    @property
    def _shard(self) -> edge.EdgeShard:
        if self._opened is None:
            raise Misconfigured(f"the knowledge index in {self._folder} is not open; refresh it first")
        return self._opened

    def _nearest(self, query: EncodedQuery, using: str, among: Among, limit: int) -> dict[str, Found]:
        vector = query.dense if using == DENSE and query.dense is not None else _sparse(query)
        request = edge.QueryRequest(
            limit=limit, query=edge.Query.Nearest(vector, using=using), filter=_filter(among), with_payload=True
        )
        hits = self._guarded(lambda: self._shard.query(request))
        return {str(hit.id): Found(hit.score, hit.payload) for hit in hits}

    def _write(self, operation: edge.UpdateOperation) -> None:
        self._guarded(lambda: self._shard.update(operation))

    def _guarded(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except TriagentError:
            raise
        except BaseException as error:
            # The library has one error type, Exception itself; its panics over damaged files are not even that, and
            # their class cannot be imported.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise self._corrupt(str(error)) from error
            raise

    def _corrupt(self, reason: str) -> CorruptStore:
        return CorruptStore(
            f"the knowledge index in {self._folder} cannot be read ({reason[:200]}); stop triagent and delete that "
            "folder: it is built again from runbooks, patterns and the database at the next start"
        )

    def _remove_others(self, current: Path) -> None:
        for other in self._folder.iterdir():
            if other != current and _OURS.match(other.name):
                shutil.rmtree(other, ignore_errors=True)


def _layout(dense_size: int | None) -> edge.EdgeConfig:
    dense = {DENSE: edge.EdgeVectorParams(size=dense_size, distance=edge.Distance.Cosine)} if dense_size else None
    return edge.EdgeConfig(vectors=dense, sparse_vectors={TERMS: edge.EdgeSparseVectorParams()})


def _point(encoded: EncodedChunk) -> edge.Point:
    vectors: dict[str, edge.NamedVector] = {TERMS: edge.SparseVector(*sparse_of(encoded.terms))}
    if encoded.dense is not None:
        vectors[DENSE] = encoded.dense
    return edge.Point(point_id(encoded.chunk), vectors, payload_of(encoded.chunk))


def _sparse(query: EncodedQuery) -> edge.SparseVector:
    return edge.SparseVector(*sparse_of(query.terms))


def _filter(among: Among) -> edge.Filter:
    if among.ids:
        return edge.Filter(must=[edge.HasIdCondition({uuid.UUID(point) for point in among.ids})])
    return edge.Filter(must=[edge.FieldCondition(key="kind", match=edge.MatchAny(list(among.kinds)))])


def _stored(record: edge.Record) -> StoredTerms:
    vectors = record.vector if isinstance(record.vector, dict) else {}
    terms = vectors.get(TERMS)
    indices = terms.indices if isinstance(terms, edge.SparseVector) else []
    payload = record.payload or {}
    return StoredTerms(key=str(payload["key"]), digest=str(payload["digest"]), terms=term_ids(indices))
