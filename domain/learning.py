"""What the backlog holds: patterns, runbooks, past incidents; and how a search of it answers."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from domain.alerts import AlertGroup
from domain.diagnosis import CauseId
from domain.model import Model, Timestamp
from domain.objects import ObjectRef

DocumentKind = Literal["pattern", "runbook", "incident"]
ActionType = Literal["restart_workload", "scale_workload", "undo_rollout", "sync_application", "rollback_application"]


class Efficacy(Model):
    """How often a pattern's plan held when it was carried out."""

    held: int = Field(default=0, ge=0)
    failed: int = Field(default=0, ge=0)
    last_used_at: Timestamp | None = None

    @property
    def rate(self) -> float:
        """Share that held, with one imaginary success and failure so that one good day proves little."""
        return (self.held + 1) / (self.held + self.failed + 2)


class Pattern(Model):
    """A failure we know: how it shows, what to re-check before believing it, and which kinds of action help.

    `origin` is `shipped` or `site` (written by people) or `learned` (from an incident that was resolved here).
    `object` is set where the pattern is about one object; then `alerts` and the object must both match.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,127}$")
    title: str = Field(max_length=300)
    origin: Literal["shipped", "site", "learned"] = "site"
    symptoms: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    cause: CauseId
    object: ObjectRef | None = None
    remedies: tuple[ActionType, ...] = ()
    advice: str = Field(default="", max_length=8000)
    efficacy: Efficacy = Efficacy()


class Runbook(Model):
    """A procedure in Markdown, with front matter that says when it applies."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,127}$")
    title: str = Field(max_length=300)
    alerts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    causes: tuple[CauseId, ...] = ()
    body: str
    source: str = ""


class BacklogItem(Model):
    """A closed incident as the backlog remembers it."""

    incident_id: str
    title: str
    alerts: tuple[str, ...]
    namespace: str | None = None
    service: str | None = None
    cause: CauseId | None = None
    object: ObjectRef | None = None
    summary: str
    actions: tuple[str, ...] = ()
    outcome: str
    pattern_id: str | None = None
    closed_at: Timestamp


class Match(Model):
    """One hit of a knowledge search. `confidence` is calibrated; `known` says it passed the abstention threshold."""

    kind: DocumentKind
    doc_id: str
    title: str
    score: float
    confidence: float = Field(ge=0, le=1)
    known: bool
    excerpt: str = Field(default="", max_length=2000)
    why: str = Field(default="", max_length=500)
    pattern: Pattern | None = None


class KnowledgeQuery(Model):
    """What a search goes by; any part may be missing. Times matter for recency only."""

    alerts: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    text: str = Field(default="", max_length=8000)
    namespace: str | None = None
    service: str | None = None
    at: Timestamp | None = None
    limit: int = Field(default=10, ge=1, le=100)


def query_about(group: AlertGroup, at: datetime) -> KnowledgeQuery:
    """What to search the backlog for when a group's alerts fire."""
    first = group.alerts[0]
    return KnowledgeQuery(
        alerts=tuple(dict.fromkeys(alert.name for alert in group.alerts)),
        labels=first.labels,
        annotations=first.annotations,
        namespace=group.namespace,
        service=group.service,
        at=at,
    )
