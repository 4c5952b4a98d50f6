"""The main job on the real cluster: incidents from the alert to the backlog, with the identities that are shipped."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from lab.demo.api import Api, DemoError
from lab.demo.card import in_words
from lab.demo.control import Control
from lab.demo.facts import (
    DecisionRecorded,
    DocumentationCompleted,
    IncidentClosed,
    IncidentEscalated,
    IncidentOpened,
    RemediationProposed,
    TriagePhaseCompleted,
    VerificationCompleted,
)
from lab.demo.product import Product, start_product
from lab.process import ServerError, Servers, free_port
from lab.proof import report
from lab.servers import Webhook
from lab.site.incidents import INCIDENTS, Incident
from lab.site.play import Played, Stage, play, prepare
from lab.site.stack import site_stack
from tests.lab.endings import ENDINGS
from tests.lab.mended import AT_MOST, MendedStates, row
from tests.lab.real import WRITER

pytestmark = [pytest.mark.lab, pytest.mark.servers, pytest.mark.temporal]

SETTINGS = {
    "TRIAGE_CORRELATION__WAIT": "1.5",
    "TRIAGE_CORRELATION__QUIET_PERIOD": "5",
    "TRIAGE_CORRELATION__REOPEN_WINDOW": "5",
    "TRIAGE_VERIFICATION__SOAK": "3",
    "TRIAGE_VERIFICATION__TIMEOUT": "45",
    "TRIAGE_LOG__LEVEL": "warning",
}
"""Seconds where a site waits minutes."""
HISTORY_S = 60
REVIEWERS = ("reviewer", "second-reviewer")
READ_ONLY = ("incidents:read",)
TOGETHER = ("node-selector", "missing-image")
"""In two namespaces at the same time."""
BY_NAME = {incident.name: incident for incident in INCIDENTS}
ALONE = [name for name in BY_NAME if name not in TOGETHER]


@dataclass(frozen=True)
class Theatre:
    """The stage, where its logs are, the states after incidents, and the rows of the report so far.

    The `full` form records the state after each incident, the short one that after the last, for a few ones' alerts.
    """

    full: bool
    stage: Stage
    logs: tuple[Path, ...]
    mended: MendedStates
    rows: list[report.Row]

    @property
    def form(self) -> str:
        """As the report calls it."""
        return "full" if self.full else "short"


@pytest.fixture(scope="module")
def theatre(full: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """One cluster with the shop on it, and the product as a process, for all incidents."""
    folder, port = tmp_path_factory.mktemp("incidents"), free_port()
    webhook = Webhook(f"http://127.0.0.1:{port}/alerts/alertmanager", folder / "alertmanager.token")
    with site_stack(folder / "lab", webhook, lambda _: None) as stack, Servers(folder / "logs") as servers:
        product = start_product(servers, folder / "triagent", {**stack.settings, **SETTINGS}, port=port)
        webhook.token_file.write_text(product.issue_token("alertmanager", scopes=("alerts:write",)))
        control = Control(stack.site.traffic.control, stack.cluster.prometheus)
        first, second = (_reviewing(product, name) for name in REVIEWERS)
        with closing(first), closing(second), closing(control):
            control.wait_for_history(HISTORY_S)
            stage = Stage(stack.site, first, second, control, stack.cluster.audit, WRITER)
            reading = {"TRIAGE_URL": product.url, "TRIAGE_TOKEN": product.issue_token("recorder", scopes=READ_ONLY)}
            mended = MendedStates(folder / "mended", {**stack.settings, **reading})
            yield Theatre(full, stage, (servers.log_dir, stack.cluster.run_dir / "logs"), mended, [])


def _reviewing(product: Product, name: str) -> Api:
    scopes = ("incidents:read", "incidents:decide")
    return Api(product.url, product.issue_token(name, scopes=scopes, roles=("approver",)))


@pytest.mark.parametrize("name", ALONE)
def test_an_incident_ends_right(theatre: Theatre, name: str) -> None:
    """The right cause and object; the one right change, approved and verified, or a human paged and told what to do."""
    with _played(theatre, BY_NAME[name]) as (scene,):
        _check(theatre.stage, scene)


def test_two_incidents_at_once_are_kept_apart(theatre: Theatre) -> None:
    """A fault in each of two namespaces: two incidents, each with its own cause, plan and end."""
    with _played(theatre, *(BY_NAME[name] for name in TOGETHER)) as scenes:
        for scene in scenes:
            _check(theatre.stage, scene)


def test_what_was_mended_is_found_well(theatre: Theatre) -> None:
    """What was recorded with alerts over, and logs and events still there, is diagnosed: no cause."""
    prepare(theatre.stage)
    theatre.mended.record()
    causes = theatre.mended.causes()
    report.add("Mended, looked at again", [row(causes)], form=theatre.form)
    assert {state: named for state, named in causes.items() if named} == {}
    assert len(causes) == (len(theatre.rows) if theatre.full else AT_MOST)


@contextmanager
def _played(theatre: Theatre, *struck: Incident) -> Generator[list[Played]]:
    """Play, check, report, mend; a failure tells the whole story and where the logs are."""
    if theatre.full:
        prepare(theatre.stage)
        theatre.mended.record()
    scenes = prepare(theatre.stage, *struck)
    try:
        play(theatre.stage, scenes)
        yield scenes
        theatre.rows.extend(map(_row, scenes))
        report.add("Incidents end to end", theatre.rows, form=theatre.form)
    except (AssertionError, DemoError, ServerError, httpx.HTTPError) as exc:
        stories = "\n".join(scene.told() for scene in scenes)
        exc.add_note(f"{stories}\nlogs: {', '.join(map(str, theatre.logs))}")
        raise
    finally:
        for incident in struck:
            incident.mend(theatre.stage.site)
    theatre.mended.waiting.extend(next(reversed(scene.stories)) for scene in scenes)


def _check(stage: Stage, scene: Played) -> None:
    ending, told = ENDINGS[scene.incident.name], scene.main
    diagnosed, documented = told.last(TriagePhaseCompleted), told.last(DocumentationCompleted)
    assert diagnosed is not None
    assert diagnosed.diagnosis.causes
    first = diagnosed.diagnosis.causes[0]
    assert (first.cause, first.object) == (ending.cause, ending.object)
    assert told.status() == ending.status
    if ending.change:
        _check_change(stage, scene)
    else:
        _check_call(stage, scene)
    assert ending.live.settled(stage.site) == ending.live.wanted
    assert sorted({(event.object.resource, event.object.name) for event in scene.writes}) == sorted(ending.writes)
    assert documented is not None
    assert documented.backlog_item


def _check_change(stage: Stage, scene: Played) -> None:
    """One plan of one action that says what must be known of it; approved by all it takes, written once, verified."""
    ending, told = ENDINGS[scene.incident.name], scene.main
    (proposed,) = scene.plans
    (action,) = proposed.plan.actions
    assert in_words(action.arguments).startswith(ending.change)
    assert ending.says(stage.site) in action.predicted_effect.summary
    decided, verified = told.last(DecisionRecorded), told.last(VerificationCompleted)
    assert decided is not None
    assert (decided.decision.actor, decided.outcome) == (REVIEWERS[proposed.quorum - 1], "approved")
    assert verified is not None
    assert verified.passed
    assert len(scene.writes) == len(ending.writes)
    assert scene.pages == 0


def _check_call(stage: Stage, scene: Played) -> None:
    """Nothing was asked for or written; one page went out, and whoever reads it is told what to do."""
    ending, told = ENDINGS[scene.incident.name], scene.main
    escalated, closed = told.last(IncidentEscalated), told.last(IncidentClosed)
    assert escalated is not None
    assert closed is not None
    assert scene.plans == []
    assert (escalated.paged, scene.pages) == (True, 1)
    diagnosed = told.last(TriagePhaseCompleted)
    summary = diagnosed.diagnosis.summary if diagnosed else ""
    assert ending.says(stage.site) in f"{closed.reason} {summary}"


def _row(scene: Played) -> report.Row:
    ending, plans = ENDINGS[scene.incident.name], scene.plans
    return {
        "incident": scene.incident.name,
        "cause": ending.cause,
        "object": ending.object,
        "change": ", ".join(action.type for plan in plans for action in plan.plan.actions) or "none: a human is paged",
        "ended": scene.main.status(),
        "opened after s": scene.seconds_to(IncidentOpened),
        "plan after s": scene.seconds_to(RemediationProposed),
        "ended after s": scene.seconds,
        "own writes": len(scene.writes),
    }
