"""Incidents from their strike to their end: alert, triage, approval over HTTP, change, verification, backlog."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from lab.cluster.audit import AuditEvent, AuditLog
from lab.demo.api import Api, DemoError
from lab.demo.control import Control
from lab.demo.facts import IncidentOpened, RemediationProposed
from lab.demo.story import Story
from lab.demo.timeline import Timeline
from lab.shop.topology import BY_NAME
from lab.site import incidents
from lab.site.layout import namespace_of
from lab.site.site import Site

CALM_WITHIN = 120.0
OPENED_WITHIN = 90.0
CLOSED_WITHIN = 150.0
POLL_S = 0.3
REASON = "evidence and effect agree"


@dataclass(frozen=True)
class Stage:
    """Where incidents are played: `control` sees the pages.

    `reviewing` has the token of somebody who may approve, `seconding` that of another, who is asked where two must.
    """

    site: Site
    reviewing: Api
    seconding: Api
    control: Control
    audit: AuditLog
    writer: str

    def wait_for_calm(self) -> None:
        """Return when no alert is there, no incident is open, and customers come. Raises `DemoError`."""
        self.control.wait_for_calm(within=CALM_WITHIN)
        deadline = time.monotonic() + CALM_WITHIN
        while left := [each.id for each in self.reviewing.incidents() if each.open]:
            if time.monotonic() > deadline:
                raise DemoError(f"incidents stay open: {', '.join(left)}")
            time.sleep(POLL_S)


@dataclass
class Played:
    """What happened in the namespace of one incident: stories by id, as they were opened, and the product's writes."""

    incident: incidents.Incident
    began: datetime
    stories: dict[str, Story] = field(default_factory=dict[str, Story])
    writes: list[AuditEvent] = field(default_factory=list[AuditEvent])
    pages: int = 0

    @property
    def namespace(self) -> str:
        """Where it struck."""
        return namespace_of(BY_NAME[self.incident.service])

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

    def told(self) -> str:
        """Every story so far, for people to read."""
        text = StringIO()
        console = Console(file=text, width=160, highlight=False)
        for identity, story in self.stories.items():
            console.print(f"{self.incident.name}: {identity}, {story.status()}")
            timeline = Timeline(console, self.began)
            for fact in story.history:
                timeline.show(fact)
        return text.getvalue() or f"{self.incident.name}: no incident was opened"


def prepare(stage: Stage, *struck: incidents.Incident) -> list[Played]:
    """Wait for calm, and begin. Raises `DemoError` when there is none in time."""
    stage.wait_for_calm()
    return [Played(each, datetime.now(UTC)) for each in struck]


def play(stage: Stage, scenes: Sequence[Played]) -> None:
    """Strike, approve what is proposed, and follow every incident to its end; scenes in namespaces of their own.

    What was struck is not mended here. Raises `DemoError` when an incident does not open or end in time; what happened
    till then is in the scenes.
    """
    with ThreadPoolExecutor(max_workers=len(scenes)) as threads:
        for future in [threads.submit(_play, stage, scene) for scene in scenes]:
            future.result()


def _play(stage: Stage, scene: Played) -> None:
    position = stage.audit.position()
    scene.incident.strike(stage.site)
    for found in _opened(stage, scene):
        _follow(stage, found, scene.stories.setdefault(found, Story()))
    writes = stage.audit.writes(position, user=stage.writer)
    scene.writes = [event for event in writes if event.object.namespace == scene.namespace]
    scene.pages = sum(any(name in str(page) for name in scene.stories) for page in stage.control.pages())


def _opened(stage: Stage, scene: Played) -> Iterator[str]:
    """The incidents since the strike, oldest first, until one has dealt with the cause and none is left open."""
    deadline = time.monotonic() + OPENED_WITHIN
    while True:
        listed = stage.reviewing.incidents(namespace=scene.namespace)
        fresh = [each for each in listed if each.opened_at >= scene.began and each.id not in scene.stories]
        if fresh:
            yield min(fresh, key=lambda each: each.opened_at).id
        elif scene.stories and scene.main.status() != "no_action":
            return
        elif time.monotonic() > deadline:
            raise DemoError(f"no incident dealt with the cause within {OPENED_WITHIN:g} s")
        else:
            time.sleep(POLL_S)


def _follow(stage: Stage, incident_id: str, told: Story) -> None:
    for fact in stage.reviewing.facts(incident_id, within=CLOSED_WITHIN):
        told.history.append(fact)
        if isinstance(fact, RemediationProposed):
            for reviewer in (stage.reviewing, stage.seconding)[: fact.quorum]:
                reviewer.decide(incident_id, "approve", digest=fact.digest, reason=REASON)
