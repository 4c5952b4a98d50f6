import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import respx
from rich.console import Console

from lab.demo import story
from lab.demo.api import Api, DemoError
from lab.demo.control import Control, Write
from lab.demo.facts import Fact, read_fact
from lab.demo.reviewer import Reviewer
from lab.demo.story import Story
from lab.demo.timeline import Timeline

API = "http://triagent.test"
BEGAN = datetime(2030, 1, 1, 12, tzinfo=UTC)
PLANNED = {
    "type": "scale_workload",
    "workload": {"kind": "deployment", "namespace": "shop", "name": "cart"},
    "replicas": 4,
    "risk": "low",
    "precondition": {"type": "workload", "uid": "u-1", "generation": 3},
    "predicted_effect": {"summary": "2 more pods", "dry_run": "server", "diff": "-  replicas: 2\n+  replicas: 4"},
    "inverse": {"type": "scale_workload", "workload": {"kind": "deployment", "name": "cart"}, "replicas": 2},
}
PLAN = {
    "actions": [PLANNED],
    "checks": [{"type": "signal", "signal": "error_ratio", "service": "cart", "threshold": 0.02}],
    "rationale": "",
    "proposed_by": "offline",
    "expires_at": "2030-01-02T12:00:00Z",
}
PROPOSED = {"type": "RemediationProposed", "plan": PLAN, "digest": "d1ge57", "quorum": 1, "roles": ["approver"]}


def as_json(number: int, content: Mapping[str, object]) -> str:
    """A fact as the API sends it, `number` seconds into the incident."""
    at = (BEGAN + timedelta(seconds=number)).isoformat()
    return json.dumps({"id": f"f-{number}", "number": number, "at": at, **content})


def history(*contents: Mapping[str, object]) -> list[Fact]:
    """Facts a second apart."""
    return [read_fact(as_json(number, content)) for number, content in enumerate(contents)]


def events(*facts: str) -> httpx.Response:
    """One connection's server-sent events, with a heartbeat between."""
    return httpx.Response(
        200, text=": heartbeat\n\n".join(f"id: {n}\ndata: {fact}\n\n" for n, fact in enumerate(facts))
    )


def shown(*contents: Mapping[str, object]) -> str:
    """What the timeline prints of these facts."""
    console = Console(file=io.StringIO(), width=120, no_color=True)
    timeline = Timeline(console, BEGAN)
    for fact in history(*contents):
        timeline.show(fact)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


CLOSED: dict[str, object] = {"type": "IncidentClosed", "status": "resolved", "reason": "verified"}
LOOKUP: dict[str, object] = {"type": "PatternLookupCompleted", "matches": []}
VERIFIED: dict[str, object] = {"type": "VerificationCompleted", "passed": True, "results": []}
ALERT = {"labels": {"alertname": "HighErrorRatio", "service": "cart"}}
RESOLVED: dict[str, object] = {"type": "AlertsUpdated", "alerts": [{**ALERT, "status": "resolved"}]}
WRITTEN: dict[str, object] = {"type": "DocumentationCompleted", "backlog_item": "b-1", "pattern_id": "p-1"}
KNOWN: dict[str, object] = {**LOOKUP, "known_pattern": "p-1"}
CONFIRMED: dict[str, object] = {"type": "PatternRechecked", "pattern_id": "p-1", "confirmed": True, "reason": "same"}
SEARCHED: dict[str, object] = {"type": "EvidenceCollected", "tool": "search_traces", "evidence": [], "seconds": 0.1}
UNDONE: dict[str, object] = {
    "type": "RemediationRolledBack",
    "action": "scale_workload",
    "target": "deployment/cart",
    "succeeded": True,
    "detail": "2 replicas",
}
PAGED: dict[str, object] = {"type": "IncidentEscalated", "reason": "it did not help", "paged": True}


def write(*, changed: bool) -> Write:
    """One entry of the shop's write log."""
    return Write(
        time=BEGAN,
        api="kubernetes",
        user="writer",
        verb="PATCH",
        path="/apis/apps/v1/namespaces/shop/deployments/cart",
        dry_run=not changed,
        status=200,
        changed=changed,
    )


@respx.mock
def test_facts_are_read_once_each_over_broken_connections() -> None:
    """A stream that ends early is resumed after the last fact seen."""
    history = [as_json(1, LOOKUP), as_json(2, VERIFIED), as_json(3, CLOSED)]
    breaks = iter([1, 0, 3])

    def answer(request: httpx.Request) -> httpx.Response:
        last = next(breaks)
        if not last:
            raise httpx.ReadTimeout("quiet")
        return events(*history[int(request.headers["Last-Event-ID"]) : last])

    respx.get(f"{API}/incidents/i-1/events").mock(side_effect=answer)
    facts = list(Api(API, "token").facts("i-1", within=5))
    assert [fact.type for fact in facts] == ["PatternLookupCompleted", "VerificationCompleted", "IncidentClosed"]


@respx.mock
def test_an_incident_that_is_never_closed_is_an_error() -> None:
    """Following ends at the time given."""
    respx.get(f"{API}/incidents/i-1/events").respond(200, text="")
    with pytest.raises(DemoError, match=r"i-1 was not closed within 0.05 s"):
        list(Api(API, "token").facts("i-1", within=0.05))


@respx.mock
def test_without_a_terminal_the_reviewer_decides_through_the_api() -> None:
    """The decision carries the digest of the plan shown, and the reviewer's own token."""
    route = respx.post(f"{API}/incidents/i-1/reject").respond(200, json={})
    (proposed,) = history(PROPOSED)
    reviewer = Reviewer(Api(API, "reviewers-token"), Console(file=io.StringIO()))
    assert reviewer.decide("i-1", proposed, "reject") == "reject"  # pyright: ignore[reportArgumentType]
    request = route.calls.last.request
    assert request.headers["Authorization"] == "Bearer reviewers-token"
    assert json.loads(request.content)["plan_digest"] == "d1ge57"


def test_the_plan_card_shows_what_a_reviewer_decides_about() -> None:
    """Action, precondition, predicted effect with its diff, inverse, risk, checks, digest, quorum, expiry."""
    card = shown(PROPOSED)
    for part in (
        "1. scale_workload workload=deployment/shop/cart replicas=4   risk low",
        "only if  workload uid=u-1 generation=3",
        "2 more pods (server dry run)",
        "+  replicas: 4",
        "undo     scale_workload",
        "check  signal signal=error_ratio",
        "d1ge57",
        "1 approval(s) by approver",
        "2030-01-02 12:00:00 UTC",
    ):
        assert part in card


def test_the_timeline_cites_values_and_ranks_causes() -> None:
    """A diagnosis is shown with its causes in order, confidence, and the evidence each claim cites."""
    claim = {"text": "error_ratio is 0.35", "evidence": ["e-1"]}
    cause = {
        "cause": "bad_release",
        "object": "deployment/cart",
        "confidence": 0.9,
        "claims": [claim],
    }
    diagnosis = {"summary": "a bad release", "confidence": 0.9, "planner": "offline", "causes": [cause]}
    text = shown({"type": "TriagePhaseCompleted", "diagnosis": diagnosis})
    assert "1. bad_release in deployment/cart  confidence 0.90" in text
    assert "error_ratio is 0.35 [e-1]" in text


def test_text_from_outside_is_printed_as_it_is() -> None:
    """Brackets in an alert's text are text, not styling."""
    title = "[red]all good[/red] [link=http://x]"
    assert title in shown({"type": "IncidentOpened", "title": title, "severity": "critical", "alerts": []})


def test_facts_of_unknown_kinds_are_passed_over() -> None:
    """A newer service may say more than the demo shows."""
    assert shown({"type": "SomethingNew", "detail": "x"}) == ""


@pytest.mark.parametrize(
    ("promise", "told", "seen"),
    [
        (
            story.fixed_and_documented,
            Story(history(LOOKUP, PROPOSED, VERIFIED, RESOLVED, WRITTEN, CLOSED)),
            "plan after 1.0 s",
        ),
        (story.recognised, Story(history(KNOWN, CONFIRMED, PROPOSED, CLOSED)), "recognised"),
        (
            story.undone_and_paged,
            Story(history({**VERIFIED, "passed": False}, UNDONE, PAGED), [write(changed=True)] * 2, [{}]),
            "2 writes",
        ),
        (
            story.nothing_written,
            Story(history({**CLOSED, "status": "rejected"}), [write(changed=False)]),
            "0 changes in the shop's write log (1 dry run(s))",
        ),
    ],
)
def test_a_scene_that_keeps_its_promise_says_what_was_seen(
    promise: Callable[[Story], str], told: Story, seen: str
) -> None:
    """Each promise is read off the facts, the write log and the pager."""
    assert seen in promise(told)


@pytest.mark.parametrize(
    ("promise", "told", "missing"),
    [
        (story.fixed_and_documented, Story(history(KNOWN, CLOSED)), "knew nothing"),
        (story.fixed_and_documented, Story(history(LOOKUP, VERIFIED, WRITTEN, CLOSED)), "Alertmanager said resolved"),
        (story.recognised, Story(history(LOOKUP, CLOSED)), "recognised"),
        (story.recognised, Story(history(KNOWN, CONFIRMED, SEARCHED, PROPOSED, CLOSED)), "search_traces was called"),
        (story.undone_and_paged, Story(history({**VERIFIED, "passed": False}, UNDONE, PAGED)), "got a page"),
        (
            story.nothing_written,
            Story(history({**CLOSED, "status": "rejected"}), [write(changed=True)]),
            "nothing was written",
        ),
    ],
)
def test_a_scene_that_breaks_its_promise_ends_the_demo(
    promise: Callable[[Story], str], told: Story, missing: str
) -> None:
    """The demo does not claim what it did not see."""
    with pytest.raises(DemoError, match=missing):
        promise(told)


@respx.mock
def test_calm_is_no_alert_while_there_is_traffic() -> None:
    """Waiting ends when Prometheus has nothing to report, and is bounded."""
    calm: dict[str, object] = {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]},
    }
    noise: dict[str, object] = {"status": "success", "data": {"resultType": "vector", "result": []}}
    route = respx.get("http://prometheus.test/api/v1/query")
    route.side_effect = [httpx.Response(200, json=noise), httpx.Response(200, json=calm)]
    control = Control("http://shop.test", "http://prometheus.test")
    control.wait_for_calm(within=10)
    route.side_effect = None
    route.respond(200, json=noise)
    with pytest.raises(DemoError, match="alerts did not end"):
        control.wait_for_calm(within=0)
