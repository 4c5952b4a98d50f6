"""The three read-only query services a triage asks before it looks at a cluster."""

from collections.abc import Sequence
from dataclasses import replace

from domain.learning import DocumentKind, KnowledgeQuery, Match, Pattern
from knowledge.confidence import KNOWN_AT
from knowledge.index import HybridIndex
from knowledge.ranking import Hit, efficacy, recency

EXCERPT = 1200
"""Characters of a hit's text that are shown."""


class KnowledgeIndexQueryService:
    """Patterns, and closed incidents as examples of them. A pattern whose plan held more often ranks higher."""

    kinds: tuple[DocumentKind, ...] = ("pattern", "incident")

    def __init__(self, index: HybridIndex) -> None:
        self._index = index

    async def search(self, query: KnowledgeQuery) -> tuple[Match, ...]:
        """Up to `query.limit` matches, best first."""
        return await _search(self._index, query, self.kinds)


class IncidentQueryService:
    """Closed incidents. Recent ones rank higher, since most of what comes back does so within weeks."""

    kinds: tuple[DocumentKind, ...] = ("incident",)

    def __init__(self, index: HybridIndex) -> None:
        self._index = index

    async def search(self, query: KnowledgeQuery) -> tuple[Match, ...]:
        """Up to `query.limit` matches, best first; recency counts back from `query.at`."""
        return await _search(self._index, query, self.kinds)


class RunbookQueryService:
    """Procedures."""

    kinds: tuple[DocumentKind, ...] = ("runbook",)

    def __init__(self, index: HybridIndex) -> None:
        self._index = index

    async def search(self, query: KnowledgeQuery) -> tuple[Match, ...]:
        """Up to `query.limit` matches, best first."""
        return await _search(self._index, query, self.kinds)


async def _search(index: HybridIndex, query: KnowledgeQuery, kinds: Sequence[DocumentKind]) -> tuple[Match, ...]:
    hits = [_weighed(hit, query) for hit in await index.search(query, kinds)]
    hits.sort(key=lambda hit: (-hit.score, hit.chunk.key))
    return tuple(_match(hit, index.confidence(hit)) for hit in hits[: query.limit])


def _weighed(hit: Hit, query: KnowledgeQuery) -> Hit:
    """The hit with what experience says: how lately it happened, how often its plan held."""
    pattern = _pattern(hit)
    held = efficacy(pattern.efficacy.rate) if pattern else 1.0
    return replace(hit, score=hit.score * held * recency(hit.chunk.closed_at, query.at))


def _match(hit: Hit, confidence: float) -> Match:
    return Match(
        kind=hit.chunk.kind,
        doc_id=hit.chunk.doc_id,
        title=hit.chunk.title,
        score=hit.score,
        confidence=confidence,
        known=confidence >= KNOWN_AT,
        excerpt=hit.chunk.text[:EXCERPT],
        why=_why(hit),
        pattern=_pattern(hit),
    )


def _pattern(hit: Hit) -> Pattern | None:
    return Pattern.model_validate_json(hit.chunk.pattern) if hit.chunk.pattern else None


def _why(hit: Hit) -> str:
    reasons = [f"words {hit.features.lexical:.0%} of the best possible", f"title {hit.features.title:.0%} explained"]
    if hit.features.dense is not None:
        reasons.append(f"meaning {hit.features.dense:.2f}")
    if hit.chunk.closed_at:
        reasons.append(f"closed {hit.chunk.closed_at:%Y-%m-%d}")
    return ", ".join(reasons)
