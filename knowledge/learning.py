"""What a closed incident teaches: a backlog item always, a pattern where a plan was carried out."""

from datetime import datetime

from domain.actions import describe
from domain.alerts import Alert
from domain.causes import CAUSES
from domain.diagnosis import RankedCause
from domain.errors import InvalidInput
from domain.incidents import Incident
from domain.learning import ActionType, BacklogItem, Efficacy, Pattern
from domain.model import digest_of
from domain.redaction import redact

SYMPTOMS = 8
SYMPTOM_LIMIT = 300
SUMMARY_LIMIT = 4000
_TELLING = ("summary", "description", "message")
"""Annotations in which alerts say what is wrong, by Prometheus' convention."""


def learn(
    incident: Incident, *, held: bool | None, existing: tuple[Pattern, ...], at: datetime
) -> tuple[BacklogItem, Pattern | None]:
    """The backlog item of `incident`, and the pattern to save, if it taught one.

    `held`: whether the carried-out plan passed verification; None if nothing was carried out. A plan that held makes
    or confirms a pattern; one that failed counts against the pattern it came from. Words of alerts are kept as
    symptoms, redacted and cut; remedies are only ever the types of the plan's own actions.
    Raises `InvalidInput` for an incident that is not closed.
    """
    if incident.closed_at is None:
        raise InvalidInput(f"incident {incident.id} is not closed; there is nothing to learn yet")
    cause = incident.diagnosis.causes[0] if incident.diagnosis and incident.diagnosis.causes else None
    before = _applied_pattern(incident, cause, existing)
    pattern = _confirmed(incident, cause, before, at) if held else _refuted(before, held, at)
    return _item(incident, cause, pattern or before), pattern


def pattern_id(cause: RankedCause) -> str:
    """Stable: the same cause on the same object always teaches the same pattern."""
    digest = digest_of([cause.cause, str(cause.object), cause.object.namespace])[:8]
    name = "".join(letter if letter.isalnum() else "-" for letter in cause.object.name.lower())
    stem = f"learned-{cause.cause.replace('_', '-')}-{name}"
    return f"{stem[:118]}-{digest}"


def _applied_pattern(incident: Incident, cause: RankedCause | None, existing: tuple[Pattern, ...]) -> Pattern | None:
    """The pattern this incident is a case of: the one looked up if its cause was found, else the learned one."""
    if cause is None:
        return None
    by_id = {pattern.id: pattern for pattern in existing}
    looked_up = by_id.get(incident.pattern_id or "")
    if looked_up and looked_up.cause == cause.cause and looked_up.object in (None, cause.object):
        return looked_up
    return by_id.get(pattern_id(cause))


def _confirmed(incident: Incident, cause: RankedCause | None, before: Pattern | None, at: datetime) -> Pattern | None:
    if cause is None or incident.plan is None:
        return None
    known = before or _fresh(cause)
    efficacy = known.efficacy.model_copy(update={"held": known.efficacy.held + 1, "last_used_at": at})
    if known.origin != "learned":
        return known.model_copy(update={"efficacy": efficacy})
    return known.model_copy(
        update={
            "alerts": _union(known.alerts, tuple(alert.name[:SYMPTOM_LIMIT] for alert in incident.alerts)),
            "symptoms": _union(known.symptoms, _symptoms(incident.alerts))[:SYMPTOMS],
            "remedies": _union(known.remedies, _remedies(incident)),
            "efficacy": efficacy,
        }
    )


def _fresh(cause: RankedCause) -> Pattern:
    return Pattern(
        id=pattern_id(cause),
        title=f"{CAUSES[cause.cause].title} ({cause.object})"[:300],
        origin="learned",
        cause=cause.cause,
        object=cause.object,
        efficacy=Efficacy(),
    )


def _refuted(before: Pattern | None, held: bool | None, at: datetime) -> Pattern | None:
    if before is None or held is None:
        return None
    efficacy = before.efficacy.model_copy(update={"failed": before.efficacy.failed + 1, "last_used_at": at})
    return before.model_copy(update={"efficacy": efficacy})


def _item(incident: Incident, cause: RankedCause | None, pattern: Pattern | None) -> BacklogItem:
    closed_at = incident.closed_at or incident.updated_at
    return BacklogItem(
        incident_id=incident.id,
        title=redact(incident.title)[:SYMPTOM_LIMIT],
        alerts=tuple(dict.fromkeys(alert.name for alert in incident.alerts)),
        namespace=incident.namespace,
        service=incident.service,
        cause=cause.cause if cause else None,
        object=cause.object if cause else None,
        summary=_summary(incident, cause),
        actions=tuple(describe(planned.action) for planned in incident.plan.actions) if incident.plan else (),
        outcome=redact(f"{incident.status}: {incident.close_reason or 'no reason given'}"),
        pattern_id=pattern.id if pattern else incident.pattern_id,
        closed_at=closed_at,
    )


def _summary(incident: Incident, cause: RankedCause | None) -> str:
    """What was seen, what it was, and how long it took."""
    closed_at = incident.closed_at or incident.updated_at
    minutes = (closed_at - incident.opened_at).total_seconds() / 60
    claims = tuple(claim.text for claim in cause.claims) if cause else ()
    diagnosis = incident.diagnosis.summary if incident.diagnosis else "Closed without a diagnosis."
    times = f"Opened {incident.opened_at:%Y-%m-%d %H:%M} UTC, closed after {minutes:.0f} min."
    seen = _symptoms(incident.alerts)
    return redact("\n".join(dict.fromkeys((diagnosis, *claims, *seen, times))))[:SUMMARY_LIMIT]


def _symptoms(alerts: tuple[Alert, ...]) -> tuple[str, ...]:
    said = (alert.annotations.get(key, "") for alert in alerts for key in _TELLING)
    texts = (" ".join(redact(text).split())[:SYMPTOM_LIMIT] for text in said if text.strip())
    return tuple(dict.fromkeys(texts))[:SYMPTOMS]


def _remedies(incident: Incident) -> tuple[ActionType, ...]:
    return tuple(dict.fromkeys(planned.action.type for planned in incident.plan.actions)) if incident.plan else ()


def _union(first: tuple[ActionType, ...] | tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))
