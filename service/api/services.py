"""What the API is built from. The composition root fills it; tests fill it with fakes at the ports."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Protocol

from fastapi import Depends, Request

from domain.evidence import Claim, Evidence
from domain.learning import Match
from service.auth import Authenticator
from service.engine import Engine
from service.feed import Feed
from service.inbox import Inbox
from service.metrics import Metrics
from service.refusals import RefusedAttempts
from service.setting_groups import ApiSettings
from service.store.audit import AuditLog
from service.store.facts import Facts
from service.store.mail import MailStore
from service.store.tokens import TokenStore

Probe = Callable[[], Awaitable[None]]
"""Returns if the part answers; raises a `TriagentError` that says why it does not."""


class Answer(Protocol):
    """What was found out about a question."""

    @property
    def answer(self) -> str: ...  # noqa: D102
    @property
    def claims(self) -> tuple[Claim, ...]: ...  # noqa: D102
    @property
    def evidence(self) -> tuple[Evidence, ...]: ...  # noqa: D102
    @property
    def matches(self) -> tuple[Match, ...]: ...  # noqa: D102
    @property
    def sufficient(self) -> bool: ...  # noqa: D102


class AnswerEvent(Protocol):
    """A step on the way to an answer, or the answer: a model with a `type`."""

    @property
    def type(self) -> str: ...  # noqa: D102
    def model_dump_json(self) -> str: ...  # noqa: D102


class Answered(AnswerEvent, Protocol):
    """The last event; its type is `answer`."""

    @property
    def answer(self) -> Answer: ...  # noqa: D102


class Answerer(Protocol):
    """Answers questions from live tools and the backlog. Implemented in `agent.answers`."""

    async def answer(self, question: str, namespace: str | None, at: datetime) -> Answer:
        """The whole answer at once."""
        ...

    def stream(self, question: str, namespace: str | None, at: datetime) -> AsyncIterator[AnswerEvent]:
        """Events as they happen; the last one carries the answer."""
        ...


@dataclass(frozen=True)
class Services:
    """Ports and stores. `probes` has every part by name; None means that it is not configured."""

    settings: ApiSettings
    facts: Facts
    mail: MailStore
    inbox: Inbox
    tokens: TokenStore
    audit: AuditLog
    refusals: RefusedAttempts
    authenticator: Authenticator
    engine: Engine
    answerer: Answerer
    metrics: Metrics
    feed: Feed = field(default_factory=Feed)
    probes: Mapping[str, Probe | None] = field(default_factory=dict[str, Probe | None])


def services(request: Request) -> Services:
    """The services of the app that handles `request`."""
    found = request.app.state.services
    assert isinstance(found, Services)  # noqa: S101 - `create_app` put it there
    return found


Provided = Annotated[Services, Depends(services)]
