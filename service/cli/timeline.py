"""One line a fact, for people who watch. Everything in a fact is data: none of it is read as markup."""

from collections.abc import Callable
from datetime import datetime

from rich.text import Text

from service.cli.output import JsonObject, an_object, joined, objects

_STYLES = {"RemediationProposed": "bold yellow", "IncidentClosed": "bold green", "RemediationFailed": "bold red",
           "RemediationRolledBack": "red", "IncidentEscalated": "bold red", "PlanVoided": "yellow"}  # fmt: skip


def fact_line(fact: JsonObject) -> Text:
    """`10:30:05 UTC  EvidenceCollected  query_prometheus: error ratio …`."""
    at = datetime.fromisoformat(str(fact["at"])).astimezone()
    kind = str(fact["type"])
    return Text.assemble(
        (f"{at:%H:%M:%S %Z}  ", "dim"), (f"{kind:<24}", _STYLES.get(kind, "cyan")), _DETAILS.get(kind, _nothing)(fact)
    )


def _nothing(_fact: JsonObject) -> str:
    return ""


def _text(name: str) -> Callable[[JsonObject], str]:
    return lambda fact: str(fact[name])


def _lookup(fact: JsonObject) -> str:
    if fact["unavailable"]:
        return f"unavailable: {fact['unavailable']}"
    if fact["known_pattern"]:
        return f"known pattern {fact['known_pattern']}"
    return f"nothing known; {len(objects(fact['matches']))} similar"


def _collected(fact: JsonObject) -> str:
    seen = objects(fact["evidence"])
    summaries = (str(item["unavailable"] or item["summary"]).partition("\n")[0] for item in seen)
    return f"{fact['tool']}: {'; '.join(summaries)}"[:400]


def _diagnosed(fact: JsonObject) -> str:
    diagnosis = an_object(fact["diagnosis"])
    causes = objects(diagnosis["causes"])
    ranked = ", ".join(f"{cause['cause']} on {cause['object']} ({cause['confidence']:.0%})" for cause in causes[:3])
    return ranked or f"insufficient evidence: {diagnosis['summary']}"


def _proposed(fact: JsonObject) -> str:
    plan = an_object(fact["plan"])
    actions = ", ".join(str(action["type"]) for action in objects(plan["actions"]))
    return f"{actions}; {plan['risk']} risk; needs {fact['quorum']} of {joined(fact['roles'], '/')}"


def _decided(fact: JsonObject) -> str:
    decision = an_object(fact["decision"])
    reason = f": {decision['reason']}" if decision["reason"] else ""
    return f"{decision['kind']} by {decision['actor']}, {fact['outcome']}{reason}"


def _verified(fact: JsonObject) -> str:
    results = objects(fact["results"])
    return ("held: " if fact["passed"] else "failed: ") + "; ".join(str(result["observed"]) for result in results)


def _changed(fact: JsonObject) -> str:
    return f"{fact['action']} {fact['target']}: {fact.get('detail') or fact.get('reason') or 'done'}"


_DETAILS: dict[str, Callable[[JsonObject], str]] = {
    "IncidentOpened": _text("title"),
    "PatternLookupCompleted": _lookup,
    "PatternRechecked": _text("reason"),
    "EvidenceCollected": _collected,
    "PlannerFellBack": _text("reason"),
    "TriagePhaseCompleted": _diagnosed,
    "RemediationProposed": _proposed,
    "DecisionRecorded": _decided,
    "PlanVoided": _text("reason"),
    "RemediationApplied": _changed,
    "RemediationFailed": _changed,
    "RemediationRolledBack": _changed,
    "VerificationStarted": lambda fact: joined(fact["checks"], "; "),
    "VerificationCompleted": _verified,
    "IncidentEscalated": _text("reason"),
    "DocumentationCompleted": _text("backlog_item"),
    "IncidentClosed": lambda fact: f"{fact['status']}: {fact['reason']}",
}
