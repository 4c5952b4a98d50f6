"""Everything known, kept searchable: shipped and site documents, learned patterns, closed incidents."""

import asyncio
from pathlib import Path

from domain.learning import BacklogItem, KnowledgeQuery, Match, Pattern
from domain.model import Model
from knowledge.documents import Document, incident_document, pattern_document, runbook_document
from knowledge.index import Changes, HybridIndex
from knowledge.ports import Backlog
from knowledge.services import IncidentQueryService, KnowledgeIndexQueryService, RunbookQueryService
from knowledge.sources import Collected, Problem, collect

CHECKOUTS = Path(".triagent/checkouts")


class Lookup(Model):
    """What is known about a failure. `known` may take the fast path: see `_trusted`."""

    matches: tuple[Match, ...] = ()
    known: Match | None = None


class Refreshed(Model):
    """What a refresh found. `problems` names each document that was skipped, and why."""

    patterns: int
    runbooks: int
    incidents: int
    written: int
    removed: int
    problems: tuple[Problem, ...] = ()


class Knowledge:
    """Patterns, runbooks and past incidents behind the three query services.

    `sources` are folders or Git addresses (`git+https://…@ref`) beside the shipped documents; Git ones are checked out
    under `checkouts`. Call `refresh` once before the first search.
    """

    def __init__(
        self, index: HybridIndex, backlog: Backlog, sources: tuple[str, ...] = (), *, checkouts: Path = CHECKOUTS
    ) -> None:
        self._index = index
        self._backlog = backlog
        self._sources = sources
        self._checkouts = checkouts
        self._written: tuple[Pattern, ...] = ()
        self.patterns = KnowledgeIndexQueryService(index)
        self.incidents = IncidentQueryService(index)
        self.runbooks = RunbookQueryService(index)

    async def refresh(self) -> Refreshed:
        """Read all sources again and bring the index up to date. A bad document is a problem, never a failure."""
        collected = await collect(self._sources, self._checkouts)
        self._written = collected.patterns
        items = await self._backlog.items()
        patterns = await self.known_patterns()
        documents = _documents(patterns, collected, items)
        changes = await self._index.refresh(documents)
        return _refreshed(patterns, collected, items, changes)

    async def known_patterns(self) -> tuple[Pattern, ...]:
        """Written patterns as of the last refresh, and learned ones as saved now: what `learn` goes by."""
        return merged(self._written, await self._backlog.patterns())

    async def lookup(self, query: KnowledgeQuery) -> Lookup:
        """Ask all three services; patterns come first, each document once. Raises what the store raises."""
        found = await asyncio.gather(
            self.patterns.search(query), self.incidents.search(query), self.runbooks.search(query)
        )
        matches = {(match.kind, match.doc_id): match for matches in found for match in matches}
        ordered = sorted(matches.values(), key=lambda match: match.kind != "pattern")
        known = next((match for match in ordered if _trusted(match, query)), None)
        return Lookup(matches=tuple(ordered), known=known)

    async def close(self) -> None:
        """Flush and release the index."""
        await self._index.close()

    async def record(self, item: BacklogItem, pattern: Pattern | None) -> None:
        """Save a closed incident, and the pattern it taught, and make both findable. Again is the same.

        The pattern goes first: a caller that finds the item saved may take it that all of it is.
        """
        documents = [incident_document(item)]
        if pattern is not None:
            await self._backlog.save_pattern(pattern)
            documents.append(pattern_document(pattern))
        await self._backlog.save_item(item)
        await self._index.put(documents)


def merged(written: tuple[Pattern, ...], saved: tuple[Pattern, ...]) -> tuple[Pattern, ...]:
    """All patterns. A written one keeps the words of its file and takes its efficacy from the saved copy."""
    experience = {pattern.id: pattern.efficacy for pattern in saved}
    known = {pattern.id for pattern in written}
    current = (p.model_copy(update={"efficacy": experience.get(p.id, p.efficacy)}) for p in written)
    return (*current, *(p for p in saved if p.id not in known and p.origin == "learned"))


def _documents(patterns: tuple[Pattern, ...], collected: Collected, items: tuple[BacklogItem, ...]) -> list[Document]:
    return [
        *map(pattern_document, patterns),
        *map(runbook_document, collected.runbooks),
        *map(incident_document, items),
    ]


def _refreshed(
    patterns: tuple[Pattern, ...], collected: Collected, items: tuple[BacklogItem, ...], changes: Changes
) -> Refreshed:
    return Refreshed(
        patterns=len(patterns),
        runbooks=len(collected.runbooks),
        incidents=len(items),
        written=changes.written,
        removed=changes.removed,
        problems=collected.problems,
    )


def _trusted(match: Match, query: KnowledgeQuery) -> bool:
    """Whether a match may skip the investigation (its evidence is still re-checked live).

    It passed the threshold, it rests on something that held here and did not fail more often, and it is about this
    alert of this service, or about no one object.
    """
    pattern = match.pattern
    if pattern is None or not match.known:
        return False
    tried = pattern.origin == "learned" or pattern.efficacy.held >= 1
    return tried and pattern.efficacy.held >= pattern.efficacy.failed and _about(pattern, query)


def _about(pattern: Pattern, query: KnowledgeQuery) -> bool:
    if pattern.object is None:
        return True
    if not {*query.alerts, query.labels.get("alertname")} & set(pattern.alerts):
        return False
    if query.namespace and pattern.object.namespace and query.namespace != pattern.object.namespace:
        return False
    return pattern.object.name == query.service
