"""Runbooks, patterns and closed incidents in the one form that is indexed."""

from domain.causes import CAUSES
from domain.learning import BacklogItem, DocumentKind, Pattern, Runbook
from domain.model import Model, Timestamp, digest_of


class Document(Model):
    """Something to be found. `keywords` are names it goes by (alerts, services, objects); `body` is Markdown."""

    kind: DocumentKind
    doc_id: str
    title: str
    keywords: tuple[str, ...] = ()
    body: str
    closed_at: Timestamp | None = None
    pattern: Pattern | None = None

    @property
    def key(self) -> str:
        """Unique over all kinds."""
        return f"{self.kind}:{self.doc_id}"

    @property
    def digest(self) -> str:
        """Changes whenever anything that is indexed changes."""
        return digest_of(self.model_dump(mode="json"))[:32]


def pattern_document(pattern: Pattern) -> Document:
    """A pattern is found by its alerts, its symptoms' words, its cause and its object."""
    about = (str(pattern.object), pattern.object.name) if pattern.object else ()
    body = "\n\n".join(part for part in (*pattern.symptoms, CAUSES[pattern.cause].title, pattern.advice) if part)
    return Document(
        kind="pattern",
        doc_id=pattern.id,
        title=pattern.title,
        keywords=(*pattern.alerts, pattern.cause, *about),
        body=body,
        pattern=pattern,
    )


def runbook_document(runbook: Runbook) -> Document:
    """A runbook is found by its alerts, services, causes and text."""
    return Document(
        kind="runbook",
        doc_id=runbook.id,
        title=runbook.title,
        keywords=(*runbook.alerts, *runbook.services, *runbook.causes),
        body=runbook.body,
    )


def incident_document(item: BacklogItem) -> Document:
    """A closed incident is found by its alerts, service, cause, object and what was seen."""
    names = (item.service, item.namespace, item.cause, str(item.object) if item.object else None)
    return Document(
        kind="incident",
        doc_id=item.incident_id,
        title=item.title,
        keywords=(*item.alerts, *(name for name in names if name)),
        body="\n\n".join((item.summary, *item.actions, item.outcome)),
        closed_at=item.closed_at,
    )
