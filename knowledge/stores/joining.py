"""How hits by words and hits by meaning become candidates with both scores: the same over both engines."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from domain.learning import DocumentKind
from knowledge.stores.points import DENSE, TERMS, chunk_of
from knowledge.vectors import Candidate, EncodedQuery


class Found(NamedTuple):
    """A point that an engine found by one of its vectors."""

    score: float
    payload: Mapping[str, object] | None


class Among(NamedTuple):
    """Which points are searched: those of `kinds`, or just those of `ids`."""

    kinds: tuple[DocumentKind, ...] = ()
    ids: tuple[str, ...] = ()


class Nearest(Protocol):
    """One search of an engine: the `limit` best by the vector named `using`, by point id."""

    def __call__(self, query: EncodedQuery, using: str, among: Among, limit: int) -> dict[str, Found]:
        """Ask the engine. Raises what the store raises."""
        ...


def joined(
    nearest: Nearest, query: EncodedQuery, kinds: Sequence[DocumentKind], limit: int, *, dense: bool
) -> tuple[Candidate, ...]:
    """Union of the best by terms and the best by dense vector, each with both scores; `dense`: if it has any."""
    within = Among(kinds=tuple(kinds))
    lexical = nearest(query, TERMS, within, limit) if query.terms else {}
    if query.dense is None or not dense:
        return tuple(Candidate(chunk_of(hit.payload), hit.score, None) for hit in lexical.values())
    meant = nearest(query, DENSE, within, limit)
    meant |= _missing(nearest, query, DENSE, lexical, meant)
    if query.terms:
        lexical |= _missing(nearest, query, TERMS, meant, lexical)
    return tuple(
        Candidate(chunk_of(hit.payload), lexical[key].score if key in lexical else 0.0, hit.score)
        for key, hit in meant.items()
    )


def _missing(
    nearest: Nearest, query: EncodedQuery, using: str, wanted: Mapping[str, Found], known: Mapping[str, Found]
) -> dict[str, Found]:
    """The `wanted` points by the other vector, where they are not `known` by it yet."""
    ids = tuple(key for key in wanted if key not in known)
    return nearest(query, using, Among(ids=ids), len(ids)) if ids else {}
