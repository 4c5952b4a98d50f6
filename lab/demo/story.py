"""What happened in one scene, and whether it is what the scene promises."""

from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import JsonValue

from lab.demo.api import DemoError
from lab.demo.control import Write
from lab.demo.facts import (
    AlertsUpdated,
    DocumentationCompleted,
    EvidenceCollected,
    Fact,
    IncidentClosed,
    IncidentEscalated,
    PatternLookupCompleted,
    PatternRechecked,
    RemediationProposed,
    RemediationRolledBack,
    VerificationCompleted,
)

KindOfFact = TypeVar("KindOfFact", bound=Fact)


@dataclass
class Story:
    """The facts of the incident in order, the writes that reached the shop, the pages that went out."""

    history: list[Fact] = field(default_factory=list[Fact])
    writes: list[Write] = field(default_factory=list[Write])
    pages: list[dict[str, JsonValue]] = field(default_factory=list[dict[str, JsonValue]])

    def last(self, kind: type[KindOfFact]) -> KindOfFact | None:
        """The last fact of that kind."""
        return next((fact for fact in reversed(self.history) if isinstance(fact, kind)), None)

    def status(self) -> str:
        """How the incident ended."""
        closed = self.last(IncidentClosed)
        return closed.status if closed else "open"

    def seconds_to_plan(self) -> float:
        """From the opening of the incident to its first plan."""
        proposed = next((fact for fact in self.history if isinstance(fact, RemediationProposed)), None)
        return (proposed.at - self.history[0].at).total_seconds() if proposed else float("nan")


def fixed_and_documented(story: Story) -> str:
    """An unknown failure was investigated, fixed, verified and written to the backlog."""
    lookup, verified = story.last(PatternLookupCompleted), story.last(VerificationCompleted)
    alerts, written = story.last(AlertsUpdated), story.last(DocumentationCompleted)
    _expect(lookup is not None and lookup.known_pattern is None, "the backlog was searched and knew nothing")
    _expect(story.status() == "resolved", f"the incident is resolved (it is {story.status()})")
    _expect(verified is not None and verified.passed, "the checks held through the soak window")
    _expect(alerts is not None and all(a.status == "resolved" for a in alerts.alerts), "Alertmanager said resolved")
    _expect(written is not None, "the incident is in the backlog")
    return f"plan after {story.seconds_to_plan():.1f} s, fixed, verified, documented"


def recognised(story: Story) -> str:
    """The same failure was known, its evidence re-checked, and the plan ready without an investigation."""
    lookup, rechecked = story.last(PatternLookupCompleted), story.last(PatternRechecked)
    _expect(lookup is not None and lookup.known_pattern is not None, "the failure was recognised")
    _expect(rechecked is not None and rechecked.confirmed, "the pattern's evidence was confirmed live")
    tools = {fact.tool for fact in story.history if isinstance(fact, EvidenceCollected)}
    _expect(tools <= {"recheck_pattern"}, f"nothing was investigated (but {', '.join(sorted(tools))} was called)")
    _expect(story.status() == "resolved", f"the incident is resolved (it is {story.status()})")
    return f"recognised; plan after {story.seconds_to_plan():.1f} s without an investigation"


def undone_and_paged(story: Story) -> str:
    """A change that did not help was undone, and a human was called."""
    verified, undone = story.last(VerificationCompleted), story.last(RemediationRolledBack)
    escalated = story.last(IncidentEscalated)
    _expect(verified is not None and not verified.passed, "verification failed")
    _expect(undone is not None and undone.succeeded, "the change was undone")
    _expect(escalated is not None and escalated.paged and bool(story.pages), "the pager's webhook got a page")
    changes = [write for write in story.writes if write.changed]
    return (
        f"did not help: {len(changes)} writes, the last one undoes the first; the pager has {len(story.pages)} page(s)"
    )


def nothing_written(story: Story) -> str:
    """After a rejection the shop's write log has no change."""
    _expect(story.status() == "rejected", f"the incident is rejected (it is {story.status()})")
    _expect(not any(write.changed for write in story.writes), "nothing was written")
    return f"rejected: 0 changes in the shop's write log ({len(story.writes)} dry run(s))"


def _expect(seen: bool, promise: str) -> None:
    if not seen:
        raise DemoError(f"not as promised: {promise}")
