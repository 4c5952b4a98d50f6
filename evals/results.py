"""Result lines of `triagent evals run`: what they hold, and how a file of them is gone on with."""

from pathlib import Path

from pydantic import ValidationError

from agent.investigation import Usage
from domain.diagnosis import CauseId, Confidence
from domain.errors import Misconfigured
from domain.evidence import Claim
from domain.facts import IncidentStatus
from domain.model import Model
from domain.plans import PlanDraft


class NamedCause(Model):
    """A cause as results name it; `object` is `kind/name`."""

    cause: CauseId
    object: str
    confidence: Confidence


class CaseResult(Model):
    """A line of the results. No causes and no error means that the planner abstained.

    `causes` are in rank order and `claims` are what they stand on, in the same order. `seconds` is the time from the
    alert to the plan; it is 0 where `error` says why there is no outcome.
    """

    id: str
    causes: tuple[NamedCause, ...] = ()
    claims: tuple[Claim, ...] = ()
    plan: PlanDraft | None = None
    tool_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    error: str | None = None


class Outcome(Model):
    """A result, and what its line does not say.

    Of the claims that the planner made, how many stand on their evidence; how long the replayed systems took to start;
    why another planner had to take over, if one had; what the models that worked on it spent; how the incident stood in
    the end, where a workflow dealt with it.
    """

    result: CaseResult
    claims_made: int = 0
    claims_verified: int = 0
    start_seconds: float = 0.0
    fell_back: str | None = None
    usage: Usage = Usage()
    status: IncidentStatus | None = None


def resumed(out: Path) -> tuple[CaseResult, ...]:
    """The results already in `out`, after dropping a last line that was cut short.

    Raises `Misconfigured` naming a line that is no result, or the file where it cannot be read.
    """
    try:
        content = out.read_bytes() if out.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            out.write_bytes(whole)
    except OSError as exc:
        raise Misconfigured(f"cannot resume from {out}: {exc}") from exc
    return tuple(_line(out, number, text) for number, text in enumerate(whole.splitlines(), 1))


def _line(out: Path, number: int, text: bytes) -> CaseResult:
    try:
        return CaseResult.model_validate_json(text)
    except ValidationError as exc:
        raise Misconfigured(f"{out}, line {number} is no result of `evals run`; choose another --out") from exc
