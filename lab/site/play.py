"""One incident from its strike to its end: alert, triage, approval over HTTP, change, verification, backlog."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lab.cluster.audit import AuditEvent, AuditLog
from lab.demo.api import Api, DemoError, Incident
from lab.demo.control import Control
from lab.demo.facts import IncidentOpened, RemediationProposed
from lab.demo.story import Story
from lab.site import incidents
from lab.site.site import Site

CALM_WITHIN = 120.0
OPENED_WITHIN = 90.0
CLOSED_WITHIN = 150.0
REASON = "evidence and effect agree"


@dataclass(frozen=True)
class Stage:
    """Where incidents are played: `reviewing` has the token of somebody who may approve."""

    site: Site
    reviewing: Api
    prometheus: str
    audit: AuditLog
    writer: str

    @property
    def control(self) -> Control:
        """To wait for calm, and to see the pages."""
        return Control(self.site.traffic.control, self.prometheus)


@dataclass
class Played:
    """What happened: every incident's story by its id, in the order they were opened, and the product's writes."""

    began: datetime
    stories: dict[str, Story] = field(default_factory=dict[str, Story])
    writes: list[AuditEvent] = field(default_factory=list[AuditEvent])
    pages: int = 0

    @property
    def main(self) -> Story:
        """The story of the incident that dealt with the cause; the others stood back, or their alerts went by."""
        ended = [story for story in self.stories.values() if story.status() != "no_action"]
        return (ended or list(self.stories.values()))[0]

    @property
    def plans(self) -> list[RemediationProposed]:
        """All plans that were asked for, by whichever incident."""
        facts = (fact for story in self.stories.values() for fact in story.history)
        return [fact for fact in facts if isinstance(fact, RemediationProposed)]

    def seconds_to(self, kind: type[IncidentOpened | RemediationProposed]) -> float | None:
        """From the strike to the first fact of that kind; None when there was none."""
        facts = (fact.at for story in self.stories.values() for fact in story.history if isinstance(fact, kind))
        first = min(facts, default=None)
        return round((first - self.began).total_seconds(), 1) if first else None

    @property
    def seconds(self) -> float:
        """From the strike to the main incident's end."""
        return round((self.main.history[-1].at - self.began).total_seconds(), 1)


def play(stage: Stage, incident: incidents.Incident) -> Played:
    """Strike a calm site, approve what is proposed, and follow every incident to its end.

    What was struck is not mended here. Raises `DemoError` when an incident does not open or end in time.
    """
    stage.control.wait_for_calm(within=CALM_WITHIN)
    position, pages = stage.audit.position(), len(stage.control.pages())
    played = Played(datetime.now(UTC))
    incident.strike(stage.site)
    for found in _opened(stage, played):
        played.stories[found.id] = _followed(stage, found)
    played.writes = stage.audit.writes(position, user=stage.writer)
    played.pages = len(stage.control.pages()) - pages
    return played


def _opened(stage: Stage, played: Played) -> Iterator[Incident]:
    """The incidents since the strike, oldest first, until one has dealt with the cause and none is left open."""
    deadline = time.monotonic() + OPENED_WITHIN
    while True:
        since = [each for each in stage.reviewing.incidents() if each.opened_at >= played.began]
        fresh = [each for each in since if each.id not in played.stories]
        if fresh:
            yield min(fresh, key=lambda each: each.opened_at)
        elif played.stories and played.main.status() != "no_action":
            return
        elif time.monotonic() > deadline:
            raise DemoError(f"no incident dealt with the cause within {OPENED_WITHIN:g} s")
        else:
            time.sleep(0.2)


def _followed(stage: Stage, incident: Incident) -> Story:
    told = Story()
    for fact in stage.reviewing.facts(incident.id, within=CLOSED_WITHIN):
        told.history.append(fact)
        if isinstance(fact, RemediationProposed):
            stage.reviewing.decide(incident.id, "approve", digest=fact.digest, reason=REASON)
    return told
