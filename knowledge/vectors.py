"""Values that pass between the index and its stores."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from knowledge.chunking import Chunk

Terms = dict[int, float]
"""A sparse vector: term id to weight."""

TermIds: TypeAlias = "array[int]"
"""Ids alone, four bytes each: they stay in memory for every chunk."""


def term_ids(ids: Iterable[int]) -> TermIds:
    """Pack term ids."""
    return array("I", ids)


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """A chunk to store. `dense` is None where no model is set."""

    chunk: Chunk
    terms: Terms
    dense: list[float] | None


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """What is searched for: terms weighted by rarity, and the dense vector if a model is set."""

    terms: Terms
    dense: list[float] | None


@dataclass(frozen=True, slots=True)
class StoredTerms:
    """What is stored of one chunk, as term statistics need it."""

    key: str
    digest: str
    terms: TermIds


@dataclass(frozen=True, slots=True)
class Candidate:
    """A hit. `lexical` is the dot product of terms; `dense` the cosine, None where no model is set."""

    chunk: Chunk
    lexical: float
    dense: float | None
