"""The server store: one collection an identity on a Qdrant server, shared by every API and worker process."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.conversions.common_types import PointId
from qdrant_client.http.exceptions import ApiException
from qdrant_client.models import (
    Distance,
    FieldCondition,
    Filter,
    FilterSelector,
    HasIdCondition,
    MatchAny,
    PayloadSchemaType,
    PointStruct,
    Record,
    SparseVector,
    SparseVectorParams,
    Vector,
    VectorParams,
)

from domain.errors import UpstreamUnavailable
from domain.learning import DocumentKind
from knowledge.stores.joining import Among, Found, joined
from knowledge.stores.points import DENSE, PAGE, TERMS, payload_of, point_id, sparse_of
from knowledge.vectors import Candidate, EncodedChunk, EncodedQuery, StoredTerms, term_ids

T = TypeVar("T")


class ServerStore:
    """A `ChunkStore` behind `client`.

    The collection's name carries the identity, so that processes of two versions can share a server while one replaces
    the other. Collections of identities no longer in use are left to the operator.
    """

    def __init__(self, client: QdrantClient, prefix: str = "triagent") -> None:
        self._client = client
        self._prefix = prefix
        self._collection = prefix
        self._dense = False

    def open(self, identity: str, dense_size: int | None) -> bool:
        """Create the identity's collection unless it is there."""
        self._dense = dense_size is not None
        self._collection = f"{self._prefix}-{identity}"
        if self._guarded(lambda: self._client.collection_exists(self._collection)):
            return False
        dense = {DENSE: VectorParams(size=dense_size, distance=Distance.COSINE)} if dense_size else {}
        self._guarded(
            lambda: self._client.create_collection(
                self._collection, vectors_config=dense, sparse_vectors_config={TERMS: SparseVectorParams()}
            )
        )
        for field in ("kind", "key"):
            self._guarded(
                lambda field=field: self._client.create_payload_index(
                    self._collection, field, field_schema=PayloadSchemaType.KEYWORD
                )
            )
        return True

    def contents(self) -> Iterable[StoredTerms]:
        """Every chunk's document, digest and terms."""
        records, more = self._page(None)
        while True:
            yield from map(_stored, records)
            if more is None:
                return
            records, more = self._page(more)

    def replace(self, removed: Sequence[str], chunks: Sequence[EncodedChunk]) -> None:
        """Drop the documents `removed`, then add `chunks`; returns when both can be searched."""
        if removed:
            gone = Filter(must=[FieldCondition(key="key", match=MatchAny(any=list(removed)))])
            self._guarded(lambda: self._client.delete(self._collection, FilterSelector(filter=gone), wait=True))
        points = [_point(chunk) for chunk in chunks]
        for start in range(0, len(points), PAGE):
            page = points[start : start + PAGE]
            self._guarded(lambda page=page: self._client.upsert(self._collection, page, wait=True))

    def search(self, query: EncodedQuery, kinds: Sequence[DocumentKind], limit: int) -> tuple[Candidate, ...]:
        """Union of the best by terms and the best by dense vector, each with both scores."""
        return joined(self._nearest, query, kinds, limit, dense=self._dense)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _page(self, offset: PointId | None) -> tuple[list[Record], PointId | None]:
        return self._guarded(
            lambda: self._client.scroll(
                self._collection, limit=PAGE, offset=offset, with_payload=["key", "digest"], with_vectors=[TERMS]
            )
        )

    def _nearest(self, query: EncodedQuery, using: str, among: Among, limit: int) -> dict[str, Found]:
        vector = query.dense if using == DENSE and query.dense is not None else _sparse(query)
        answer = self._guarded(
            lambda: self._client.query_points(
                self._collection,
                query=vector,
                using=using,
                query_filter=_filter(among),
                limit=limit,
                with_payload=True,
            )
        )
        return {str(hit.id): Found(hit.score, hit.payload) for hit in answer.points}

    def _guarded(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (ApiException, QdrantException) as error:
            raise UpstreamUnavailable("qdrant", str(error)) from error


def _point(encoded: EncodedChunk) -> PointStruct:
    indices, values = sparse_of(encoded.terms)
    vector: dict[str, Vector] = {TERMS: SparseVector(indices=indices, values=values)}
    if encoded.dense is not None:
        vector[DENSE] = encoded.dense
    return PointStruct(id=str(point_id(encoded.chunk)), vector=vector, payload=payload_of(encoded.chunk))


def _sparse(query: EncodedQuery) -> SparseVector:
    indices, values = sparse_of(query.terms)
    return SparseVector(indices=indices, values=values)


def _filter(among: Among) -> Filter:
    if among.ids:
        return Filter(must=[HasIdCondition(has_id=list(among.ids))])
    return Filter(must=[FieldCondition(key="kind", match=MatchAny(any=list(among.kinds)))])


def _stored(record: Record) -> StoredTerms:
    vectors = record.vector if isinstance(record.vector, dict) else {}
    terms = vectors.get(TERMS)
    indices = terms.indices if isinstance(terms, SparseVector) else []
    payload = record.payload or {}
    return StoredTerms(key=str(payload["key"]), digest=str(payload["digest"]), terms=term_ids(indices))
