"""The backlog: looked into first, written to last."""

from collections import Counter

from temporalio import activity

from agent.investigation import Brief
from agent.recheck import Recheck, Rechecker
from domain.facts import IncidentStatus
from domain.learning import KnowledgeQuery, Match, Pattern
from domain.model import Model, Timestamp
from knowledge.learning import learn
from knowledge.library import Knowledge
from knowledge.ports import Backlog
from workflows.ports import FactStore

SHOWN = 3
"""Matches of each kind that an incident keeps: they stand in several events of its history."""
EXCERPT_SHOWN = 300
"""Characters of a match's text; the document has the rest."""


class LookupResult(Model):
    """The best few matches of each kind; `known` is the pattern the triage may follow after re-checking it."""

    matches: tuple[Match, ...]
    known: Match | None


class RecheckInput(Model):
    """A known pattern, to be seen again in live evidence before it is followed."""

    pattern: Pattern
    brief: Brief


class DocumentInput(Model):
    """A closed or closing incident. `held`: whether an applied plan helped; None if none was applied."""

    incident_id: str
    outcome: IncidentStatus
    reason: str
    held: bool | None
    at: Timestamp


class DocumentResult(Model):
    """What the backlog now holds."""

    backlog_item: str
    pattern_id: str | None


class BacklogActivities:
    """Activities over the knowledge library."""

    def __init__(self, knowledge: Knowledge, backlog: Backlog, rechecker: Rechecker, store: FactStore) -> None:
        self._knowledge = knowledge
        self._backlog = backlog
        self._rechecker = rechecker
        self._store = store

    @activity.defn(name="backlog.lookup")
    async def lookup(self, query: KnowledgeQuery) -> LookupResult:
        """Ask the three query services."""
        found = await self._knowledge.lookup(query)
        return LookupResult(matches=_shown(found.matches), known=found.known)

    @activity.defn(name="backlog.recheck")
    async def recheck(self, request: RecheckInput) -> Recheck:
        """Look for the pattern's cause in live evidence."""
        return await self._rechecker.recheck(request.pattern, request.brief)

    @activity.defn(name="backlog.document")
    async def document(self, request: DocumentInput) -> DocumentResult:
        """Write the incident, and the pattern it taught, into the backlog; idempotent by incident id."""
        done = await self._backlog.item(request.incident_id)
        if done is not None:
            return DocumentResult(backlog_item=done.incident_id, pattern_id=done.pattern_id)
        incident = (await self._store.incident(request.incident_id)).model_copy(
            update={"status": request.outcome, "closed_at": request.at, "close_reason": request.reason}
        )
        item, pattern = learn(
            incident, held=request.held, existing=await self._knowledge.known_patterns(), at=request.at
        )
        await self._knowledge.record(item, pattern)
        return DocumentResult(backlog_item=item.incident_id, pattern_id=pattern.id if pattern else None)


def _shown(matches: tuple[Match, ...]) -> tuple[Match, ...]:
    ranks: Counter[str] = Counter()
    kept: list[Match] = []
    for match in matches:
        ranks[match.kind] += 1
        if ranks[match.kind] <= SHOWN:
            kept.append(match.model_copy(update={"excerpt": match.excerpt[:EXCERPT_SHOWN]}))
    return tuple(kept)
