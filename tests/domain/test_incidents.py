import pytest
from pydantic import ValidationError

from domain.errors import InvalidInput, InvalidQuery
from domain.facts import FACT, FINAL, Fact
from domain.incidents import project
from domain.signals import SignalCatalogue
from tests.domain.factories import NOW, alert, decision, plan

OPENED = {"type": "IncidentOpened", "title": "t", "severity": "critical", "namespace": "shop", "service": "checkout"}


def facts(*contents: dict[str, object]) -> list[Fact]:
    return [
        FACT.validate_python({"id": f"f{n}", "incident_id": "inc-1", "at": NOW, **content})
        for n, content in enumerate(contents)
    ]


def opened() -> dict[str, object]:
    return {**OPENED, "alerts": (alert(),), "group_id": "g"}


def test_an_incident_is_the_fold_of_its_facts():
    """Status, phase and plan follow the facts through to the end."""
    proposal = plan()
    approved = decision(proposal)
    story = (
        opened(),
        {"type": "PatternLookupCompleted", "matches": ()},
        {"type": "RemediationProposed", "plan": proposal, "digest": proposal.digest, "quorum": 1, "roles": ("admin",)},
        {"type": "DecisionRecorded", "decision": approved, "outcome": "approved"},
        {"type": "VerificationStarted", "checks": ("x",), "soak_seconds": 1},
        {"type": "VerificationCompleted", "passed": True, "results": ()},
        {"type": "DocumentationRequested"},
        {"type": "IncidentClosed", "status": "resolved", "reason": "held"},
    )
    seen = [(i.status, i.phase) for i in (project(facts(*story[: n + 1])) for n in range(len(story)))]
    assert seen == [
        ("triaging", "START"),
        ("triaging", "PATTERN_LOOKUP"),
        ("awaiting_approval", "REMEDIATION"),
        ("executing", "REMEDIATION"),
        ("verifying", "VERIFICATION"),
        ("verifying", "VERIFICATION"),
        ("verifying", "DOCUMENTATION"),
        ("resolved", "END"),
    ]
    assert seen[-1][0] in FINAL


def test_a_partial_approval_does_not_start_execution():
    """While the quorum is open the incident still awaits approval."""
    proposal = plan()
    incident = project(
        facts(
            opened(),
            {"type": "RemediationProposed", "plan": proposal, "digest": "d", "quorum": 2, "roles": ("admin",)},
            {"type": "DecisionRecorded", "decision": decision(proposal), "outcome": "pending"},
        )
    )
    assert incident.status == "awaiting_approval"
    assert len(incident.decisions) == 1


def test_a_history_without_a_beginning_is_refused():
    """Nothing is projected from nothing, or from the middle of a story."""
    with pytest.raises(InvalidInput):
        project([])
    with pytest.raises(InvalidInput):
        project(facts({"type": "DocumentationRequested"}))


CATALOGUE = SignalCatalogue(signals={"error_ratio": 'x{namespace="$namespace",service=~"$service"}[$window]'})


def test_a_signal_is_rendered_for_one_service():
    """Placeholders take names and windows."""
    query = CATALOGUE.render("error_ratio", namespace="shop", service="checkout", window="1m")
    assert query == 'x{namespace="shop",service=~"checkout"}[1m]'


@pytest.mark.parametrize("value", ['a"} or up{x="', "a\\", "a\n", "a{b}", "a,b", "$x", "a b"])
def test_a_value_cannot_break_out_of_its_matcher(value):
    """Quotes, braces, backslashes and the like never reach a query."""
    with pytest.raises(InvalidQuery):
        CATALOGUE.render("error_ratio", service=value)


def test_a_catalogue_names_its_mistakes():
    """Unknown placeholders and names are refused when it is loaded, unknown signals when they are asked for."""
    with pytest.raises(ValidationError, match="pod"):
        SignalCatalogue(signals={"x": 'y{pod="$pod"}'})
    with pytest.raises(InvalidQuery, match="error_ratio"):
        CATALOGUE.render("latency")
