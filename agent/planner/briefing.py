"""What a model is told of an incident. Everything from outside stands inside the data fence."""

from agent.investigation import Brief
from agent.toolset.cited import neutral
from domain.alerts import Alert
from domain.causes import CAUSES
from domain.characters import visible
from domain.learning import Match

ALERTS_SHOWN = 10
MATCHES_SHOWN = 5


def briefing(brief: Brief) -> str:
    """The first message of an investigation."""
    lines = [
        f"Incident {brief.incident_id}: find the cause.",
        f"Namespace: {brief.namespace or 'not named'}. Service: {brief.service or 'not named'}.",
        f"Now: {brief.at.isoformat()}.",
        "<data>",
        *(_alert_line(alert) for alert in brief.alerts[:ALERTS_SHOWN]),
        *(_match_line(match) for match in brief.matches[:MATCHES_SHOWN]),
        "</data>",
    ]
    return "\n".join(lines)


def vocabulary() -> str:
    """Every cause a diagnosis may name. The ids speak for themselves, and go with every request."""
    return ", ".join(CAUSES)


def _alert_line(alert: Alert) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in list(alert.labels.items())[:15])
    notes = "; ".join(f"{name}: {value[:300]}" for name, value in list(alert.annotations.items())[:4])
    return _data(f"alert {alert.status} since {alert.starts_at.isoformat()}: {labels[:1000]}. {notes}")


def _match_line(match: Match) -> str:
    cause = f", cause {match.pattern.cause}" if match.pattern else ""
    return _data(f"{match.kind} {match.doc_id} (confidence {match.confidence:.2f}{cause}): {match.title}")


def _data(line: str) -> str:
    return neutral(visible(" ".join(line.split())))
