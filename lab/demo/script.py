"""The demo's scenes: a failure each, the incident it becomes, what the reviewer says, what is promised."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from lab.demo import story
from lab.demo.api import Api, DemoError, Incident
from lab.demo.control import Control
from lab.demo.facts import IncidentLinked, RemediationProposed
from lab.demo.reviewer import Reviewer, Verdict
from lab.demo.story import Story
from lab.demo.timeline import Timeline

SCENE_LIMIT_S = 120
"""Without a person at the terminal a scene takes well under a minute."""


@dataclass(frozen=True)
class Scene:
    """One failure of one service. `promise` raises DemoError, or says in one line what was seen."""

    title: str
    failure: str
    service: str
    suggestion: Verdict
    promise: Callable[[Story], str]


SCENES = (
    Scene("A release goes bad", "bad-release", "checkout", "approve", story.fixed_and_documented),
    Scene("The same failure again", "bad-release", "checkout", "approve", story.recognised),
    Scene("A plan that does not help", "stuck-saturation", "recommendation", "approve", story.undone_and_paged),
    Scene("A plan that is rejected", "bad-image-tag", "payment", "reject", story.nothing_written),
)


class Script:
    """Plays the scenes one after another, each on a healthy shop."""

    def __init__(self, console: Console, control: Control, api: Api, reviewer: Reviewer) -> None:
        self._console = console
        self._control = control
        self._api = api
        self._reviewer = reviewer
        self._on_script = True

    def play(self) -> None:
        """Play all scenes; raises DemoError as soon as one does not keep its promise."""
        for number, scene in enumerate(SCENES, start=1):
            self._console.rule(Text(f"{number}. {scene.title}", "bold"), align="left")
            self._control.wait_for_calm()
            self._console.print(Text(f"the shop is healthy; now {scene.failure} hits {scene.service}"))
            told = self._play(scene)
            # A person who decided otherwise has left the script: later promises rest on the decisions before them.
            verdict = scene.promise(told) if self._on_script else f"you decided otherwise: {told.status()}"
            self._console.print(Text(f"✓ {verdict}", "bold green"), soft_wrap=True)
            self._control.heal()

    def _play(self, scene: Scene) -> Story:
        writes, pages = len(self._control.writes()), len(self._control.pages())
        began = datetime.now(UTC)
        timeline = Timeline(self._console, began)
        self._control.fail(scene.failure, scene.service)
        told = self._follow(self._first_incident(since=began), scene, timeline)
        told.writes = self._control.writes()[writes:]
        told.pages = self._control.pages()[pages:]
        return told

    def _first_incident(self, *, since: datetime) -> Incident:
        deadline = time.monotonic() + SCENE_LIMIT_S
        while time.monotonic() < deadline:
            opened = [incident for incident in self._api.incidents() if incident.opened_at >= since]
            if opened:
                return min(opened, key=lambda incident: incident.opened_at)
            time.sleep(0.2)
        raise DemoError(f"no incident was opened within {SCENE_LIMIT_S} s")

    def _follow(self, incident: Incident, scene: Scene, timeline: Timeline) -> Story:
        """Show the incident to its end, deciding when asked; goes over to the incident it is linked to."""
        told = Story()
        incident_id = incident.id
        while incident_id:
            told.history.clear()
            linked = ""
            for fact in self._api.facts(incident_id, within=SCENE_LIMIT_S):
                told.history.append(fact)
                timeline.show(fact)
                if isinstance(fact, IncidentLinked):
                    linked = fact.other_incident
                if isinstance(fact, RemediationProposed):
                    decided = self._reviewer.decide(incident_id, fact, scene.suggestion)
                    self._on_script &= decided == scene.suggestion
            incident_id = linked
        return told
