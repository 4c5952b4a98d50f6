"""`POST /ask`: a question in plain language, answered with cited evidence, at once or as a stream."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import cast

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from domain.errors import TriagentError
from domain.evidence import Evidence
from domain.learning import Match
from service.api import sse
from service.api.callers import Asker
from service.api.problems import Problem, slug_of, status_of
from service.api.services import Answer, Answered, Answerer, AnswerEvent, Provided
from service.api.views import ClaimView, claim_view

log = structlog.get_logger(__name__)
router = APIRouter(tags=["ask"])


class Question(BaseModel):
    """What to find out; times without a zone are UTC."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=4000)
    namespace: str | None = Field(default=None, max_length=253)


class AnswerView(BaseModel):
    """The answer, made of claims. `sufficient` is false where the evidence does not answer the question."""

    answer: str
    claims: list[ClaimView]
    evidence: tuple[Evidence, ...]
    matches: tuple[Match, ...]
    sufficient: bool


@router.post(
    "/ask",
    response_model=AnswerView,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def ask(question: Question, request: Request, provided: Provided, _caller: Asker) -> AnswerView | Response:
    """Answer from live tools and the backlog. With `Accept: text/event-stream`, steps are sent as they happen."""
    at = datetime.now(UTC)
    if "text/event-stream" in request.headers.get("accept", ""):
        return sse.stream(_events(provided.answerer, question, at, request.url.path))
    return answer_view(await provided.answerer.answer(question.question, question.namespace, at))


def answer_view(answer: Answer) -> AnswerView:
    """The answer with the ids of the evidence beside each claim."""
    return AnswerView(
        answer=answer.answer,
        claims=[claim_view(claim) for claim in answer.claims],
        evidence=answer.evidence,
        matches=answer.matches,
        sufficient=answer.sufficient,
    )


def _data(event: AnswerEvent) -> str:
    if event.type != "answer":
        return event.model_dump_json()
    # The answer looks the same as without a stream.
    return answer_view(cast("Answered", event).answer).model_dump_json()


async def _events(answerer: Answerer, question: Question, at: datetime, path: str) -> AsyncIterator[bytes]:
    try:
        async for event in answerer.stream(question.question, question.namespace, at):
            yield sse.event(event.type, _data(event))
    except TriagentError as error:
        # The status is long sent: the problem is the last event.
        log.warning("ask.failed", error=str(error))
        problem = Problem(
            type=f"urn:triagent:problem:{slug_of(error)}",
            title=slug_of(error),
            status=status_of(error),
            detail=str(error),
            instance=path,
        )
        yield sse.event("problem", problem.model_dump_json())
