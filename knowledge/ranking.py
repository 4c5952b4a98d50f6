"""How hits are ordered. The weights are what the ablation in docs/decisions/0003-retrieval.md says."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import exp

from knowledge.chunking import Chunk
from knowledge.terms import TermStatistics, best_possible, query_terms
from knowledge.vectors import Candidate, Terms

RECENCY_DAYS = 20.0
"""Most failures that come back do so within this time."""
RECENCY_SHARE = 0.15
EFFICACY_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Features:
    """A document's best chunk against the query, each between 0 and 1.

    `lexical`: BM25 over the best possible score of this query. `title`: how much of the title's rarity the query
    explains. `dense`: cosine, None where no model is set.
    """

    lexical: float
    title: float
    dense: float | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A document's best chunk, its features and its fused score."""

    chunk: Chunk
    features: Features
    score: float


Scorer = Callable[[Sequence[Features]], list[float]]
"""From all hits of one query to their scores."""


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """Shares of features that are first made comparable: the best hit's words and meaning count 1."""

    lexical: float
    title: float
    dense: float

    def __call__(self, hits: Sequence[Features]) -> list[float]:
        """One score a hit."""
        most = max((hit.lexical for hit in hits), default=0.0) or 1.0
        closest = max((hit.dense or 0.0 for hit in hits), default=0.0) or 1.0
        return [
            self.lexical * hit.lexical / most + self.title * hit.title + self.dense * (hit.dense or 0.0) / closest
            for hit in hits
        ]


@dataclass(frozen=True, slots=True)
class ReciprocalRanks:
    """Reciprocal rank fusion of the lexical and the dense order, `k` as Qdrant's default."""

    k: int = 2

    def __call__(self, hits: Sequence[Features]) -> list[float]:
        """One score a hit."""
        lexical = _ranks([hit.lexical for hit in hits])
        dense = _ranks([hit.dense or 0.0 for hit in hits])
        return [1 / (self.k + a) + 1 / (self.k + b) for a, b in zip(lexical, dense, strict=True)]


BY_WORDS = WeightedSum(lexical=0.7, title=0.3, dense=0.0)
BY_WORDS_AND_MEANING = WeightedSum(lexical=0.5, title=0.0, dense=0.5)


def hits_of(
    candidates: Iterable[Candidate], query: Terms, statistics: TermStatistics, scorer: Scorer
) -> tuple[Hit, ...]:
    """Documents by fused score, best first. `query` holds rarity-weighted terms."""
    bound = best_possible(query) or 1.0
    titles: dict[str, float] = {}
    scored: list[tuple[Chunk, Features]] = []
    for candidate in candidates:
        chunk = candidate.chunk
        if chunk.key not in titles:
            titles[chunk.key] = _explained(chunk.title, query, statistics)
        dense = None if candidate.dense is None else max(0.0, candidate.dense)
        scored.append((chunk, Features(candidate.lexical / bound, titles[chunk.key], dense)))
    scores = scorer([features for _, features in scored])
    return _best_of_each(Hit(chunk, features, score) for (chunk, features), score in zip(scored, scores, strict=True))


def recency(closed_at: datetime | None, at: datetime | None) -> float:
    """Factor for an incident that closed at `closed_at`: 1 long ago, up to 1 + `RECENCY_SHARE` just now."""
    if closed_at is None or at is None:
        return 1.0
    days = max(0.0, (at - closed_at).total_seconds() / 86_400)
    return 1.0 + RECENCY_SHARE * exp(-days / RECENCY_DAYS)


def efficacy(rate: float) -> float:
    """Factor for a pattern whose plan held at this rate: 1 at one half."""
    return 1.0 + EFFICACY_SHARE * (2 * rate - 1)


def _explained(title: str, query: Terms, statistics: TermStatistics) -> float:
    rarities = {term: statistics.rarity(term) for term in _title_terms(title)}
    whole = sum(rarities.values())
    return sum(rarity for term, rarity in rarities.items() if term in query) / whole if whole else 0.0


@lru_cache(maxsize=8192)
def _title_terms(title: str) -> frozenset[int]:
    """The same few titles come up again and again."""
    return query_terms(title)


def _best_of_each(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    best: dict[str, Hit] = {}
    for hit in sorted(hits, key=lambda hit: (-hit.score, hit.chunk.key, hit.chunk.position)):
        best.setdefault(hit.chunk.key, hit)
    return tuple(best.values())


def _ranks(values: Sequence[float]) -> list[int]:
    order = sorted(range(len(values)), key=lambda index: -values[index])
    ranks = [0] * len(values)
    for rank, index in enumerate(order):
        ranks[index] = rank
    return ranks
