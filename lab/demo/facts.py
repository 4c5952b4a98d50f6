"""What the demo reads of an incident's facts, as the API streams them. Fields that it does not show are not read."""

import json
import unicodedata
from datetime import datetime

from pydantic import BaseModel, ConfigDict, JsonValue


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Fact(_Read):
    """Any fact; the kinds the demo knows have classes of their own, named as the API names them.

    `number` is its place in the incident's history, by which the stream can be resumed.
    """

    type: str
    id: str
    at: datetime
    number: int


class Alert(_Read):
    """One alert, by its labels."""

    labels: dict[str, str]
    status: str


class IncidentOpened(Fact):
    """An incident began."""

    title: str
    severity: str
    alerts: tuple[Alert, ...]


class AlertsUpdated(Fact):
    """The incident's alerts as they now stand."""

    alerts: tuple[Alert, ...]


class Match(_Read):
    """One hit in the backlog."""

    kind: str
    title: str
    confidence: float
    known: bool


class PatternLookupCompleted(Fact):
    """The backlog was searched."""

    matches: tuple[Match, ...]
    known_pattern: str | None = None
    unavailable: str | None = None


class PatternRechecked(Fact):
    """A known pattern's evidence was looked at again."""

    pattern_id: str
    confirmed: bool
    reason: str


class Evidence(_Read):
    """One look at one system."""

    id: str
    source: str
    query: str
    summary: str
    unavailable: str | None = None


class EvidenceCollected(Fact):
    """A tool was called."""

    tool: str
    evidence: tuple[Evidence, ...]
    seconds: float


class PlannerFellBack(Fact):
    """Another planner took over."""

    from_planner: str
    to_planner: str
    reason: str


class Claim(_Read):
    """A statement with the ids of the evidence behind it."""

    text: str
    evidence: tuple[str, ...]


class Cause(_Read):
    """A cause, most likely first; `object` is `kind/name`."""

    cause: str
    object: str
    confidence: float
    claims: tuple[Claim, ...]


class Diagnosis(_Read):
    """What is wrong, as far as the evidence goes."""

    summary: str
    confidence: float
    planner: str
    causes: tuple[Cause, ...] = ()


class TriagePhaseCompleted(Fact):
    """The investigation ended."""

    diagnosis: Diagnosis


class IncidentLinked(Fact):
    """Another incident deals with the same cause."""

    other_incident: str


class PredictedEffect(_Read):
    """What a change will do."""

    summary: str
    diff: str = ""
    blast_radius: tuple[str, ...] = ()
    dry_run: str


class PlannedAction(_Read):
    """An action as the reviewer sees it; its own arguments, which depend on its type, are extra fields."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    risk: str
    precondition: dict[str, JsonValue]
    predicted_effect: PredictedEffect
    inverse: dict[str, JsonValue] | None

    @property
    def arguments(self) -> dict[str, JsonValue]:
        """The type and the arguments of that type."""
        return {"type": self.type, **(self.model_extra or {})}


class Plan(_Read):
    """What a reviewer approves or rejects."""

    actions: tuple[PlannedAction, ...]
    checks: tuple[dict[str, JsonValue], ...]
    rationale: str = ""
    proposed_by: str
    expires_at: datetime


class RemediationProposed(Fact):
    """A plan waits for a decision."""

    plan: Plan
    digest: str
    quorum: int
    roles: tuple[str, ...]


class Decision(_Read):
    """What a reviewer said; `actor` is the name behind the token."""

    kind: str
    actor: str
    reason: str = ""


class DecisionRecorded(Fact):
    """A decision counted."""

    decision: Decision
    outcome: str


class PlanVoided(Fact):
    """The plan no longer stands."""

    reason: str


class RemediationApplied(Fact):
    """An action was carried out."""

    action: str
    target: str
    detail: str


class RemediationFailed(Fact):
    """An action could not be carried out."""

    action: str
    target: str
    reason: str


class VerificationStarted(Fact):
    """The checks must now hold for a while."""

    checks: tuple[str, ...]
    soak_seconds: float


class CheckResult(_Read):
    """One check at one moment."""

    passed: bool | None
    observed: str


class VerificationCompleted(Fact):
    """Whether the change helped."""

    passed: bool
    results: tuple[CheckResult, ...]


class RemediationRolledBack(Fact):
    """What did not help was undone."""

    action: str
    target: str
    succeeded: bool
    detail: str


class IncidentEscalated(Fact):
    """A human was called."""

    reason: str
    paged: bool


class DocumentationCompleted(Fact):
    """The backlog has it now."""

    backlog_item: str
    pattern_id: str | None


class IncidentClosed(Fact):
    """The end."""

    status: str
    reason: str


_KINDS: dict[str, type[Fact]] = {kind.__name__: kind for kind in Fact.__subclasses__()}


def read_fact(text: str) -> Fact:
    """A fact from its JSON; one of a kind that the demo does not know is read as a plain Fact."""
    document = _shown(json.loads(text))
    plain = Fact.model_validate(document)
    return _KINDS.get(plain.type, Fact).model_validate(document)


def _shown(value: JsonValue) -> JsonValue:
    """The value with characters that would steer the terminal, or do not show, written as escapes."""
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return "".join(map(_escaped, value)) if isinstance(value, str) else value


def _escaped(character: str) -> str:
    hidden = character != "\n" and unicodedata.category(character) in {"Cc", "Cf", "Co", "Zl", "Zp"}
    return character.encode("unicode_escape").decode() if hidden else character
