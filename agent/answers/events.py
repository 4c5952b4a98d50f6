"""What a question is answered with, at once and as a stream."""

from typing import Annotated, Literal

from pydantic import Field

from domain.evidence import Claim, Evidence
from domain.learning import Match
from domain.model import Model


class Answer(Model):
    """The answer: grounded claims, and their sentences in a row.

    `sufficient` is False where what was seen does not answer the question; then `answer` says what was looked at.
    """

    answer: str
    claims: tuple[Claim, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    matches: tuple[Match, ...] = ()
    sufficient: bool


class Looked(Model):
    """A tool was asked. `text` says what it saw, `evidence` are ids."""

    type: Literal["step"] = "step"
    tool: str
    text: str
    evidence: tuple[str, ...]
    seconds: float


class Claimed(Model):
    """A claim of the answer to come."""

    type: Literal["claim"] = "claim"
    text: str
    claim: Claim


class Answered(Model):
    """The end of the stream."""

    type: Literal["answer"] = "answer"
    answer: Answer


AnswerEvent = Annotated[Looked | Claimed | Answered, Field(discriminator="type")]


class Reply(Model):
    """What a model concludes from a question. `sufficient` says whether the claims answer it."""

    claims: tuple[Claim, ...] = Field(default=(), max_length=12)
    sufficient: bool = False
