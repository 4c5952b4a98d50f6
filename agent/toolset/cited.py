"""What a tool answers: evidence, claims that stand on it, and the text a model reads of them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Self, TypeVar

from pydantic import Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from domain.characters import visible
from domain.diagnosis import Finding
from domain.evidence import Citation, Claim, Evidence, EvidenceKind, Observation, evidence_id
from domain.inventory import Inventory
from domain.learning import Match
from domain.model import Model, sha256
from domain.tooling import ToolAnswer
from tools.reading import Reading

T = TypeVar("T")

TEXT_BUDGET = 4_800
"""Characters of one answer's text: about 1,200 tokens."""

VALUE_LIMIT = 240
QUERY_LIMIT = 300


class CitedAnswer(ToolAnswer):
    """A tool's answer. `claims` are statements the evidence proves, ready to be repeated."""

    claims: tuple[Claim, ...] = ()
    matches: tuple[Match, ...] = ()
    seconds: float = 0.0

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """An object: models are told no more (see `CitingToolset`), and each tool would work it out anew."""
        del core_schema, handler
        return {"type": "object"}

    @classmethod
    def of(
        cls,
        *evidence: Evidence,
        claims: Sequence[Claim] = (),
        inventory: Inventory | None = None,
        matches: tuple[Match, ...] = (),
        note: str = "",
    ) -> Self:
        """An answer whose text shows the claims and as many observations as fit."""
        return cls(
            text=render(evidence, claims=claims, note=note),
            evidence=evidence,
            claims=tuple(claims),
            inventory=inventory or Inventory(),
            matches=matches,
        )


class Noted(Model):
    """What stays of an answer in the message history beside its text: what a model without language needs.

    It travels with every later model request, so the inventory here is cut down to what findings are about.
    """

    claims: tuple[Claim, ...] = ()
    findings: tuple[Finding, ...] = ()
    inventory: Inventory = Field(default_factory=Inventory)


def evidence_of(
    kind: EvidenceKind,
    source: str,
    reading: Reading[T],
    *,
    summary: str,
    observations: Iterable[Observation] = (),
) -> Evidence:
    """Evidence of a reading: its id, its summary, and observations with unique keys, within the limits of the model."""
    unique: dict[str, Observation] = {}
    for item in observations:
        key = item.key[:256]
        value = item.value[:VALUE_LIMIT] if isinstance(item.value, str) else item.value
        unique.setdefault(key, Observation(key=key, value=value, unit=item.unit))
    return Evidence(
        id=evidence_id(source, reading.query, reading.digest),
        kind=kind,
        source=source,
        query=reading.query[:4096],
        summary=summary[:4000],
        digest=reading.digest,
        observations=tuple(unique.values())[:200],
        collected_at=reading.at,
    )


def unavailable(
    source: str, query: str, reason: str, at: datetime, kind: EvidenceKind = "object", *, passing: bool = False
) -> Evidence:
    """Evidence that nothing could be seen, and why. `passing`: later it may."""
    digest = sha256(reason.encode())
    return Evidence(
        id=evidence_id(source, query[:4096], digest),
        kind=kind,
        source=source,
        query=query[:4096],
        summary=f"not seen: {reason}"[:4000],
        digest=digest,
        collected_at=at,
        unavailable=reason[:1000],
        passing=passing,
    )


def cite(evidence: Evidence, text: str, *keys: str) -> Claim:
    """A claim that cites these observations of `evidence`. Every key must have been observed."""
    return Claim(text=text[:1000], citations=tuple(_citation(evidence, key) for key in keys))


def _citation(evidence: Evidence, key: str) -> Citation:
    seen = evidence.observation(key[:256])
    if seen is None:
        raise KeyError(f"{key!r} is not observed in {evidence.id}")
    return Citation(evidence=evidence.id, key=seen.key, value=seen.value)


def render(
    evidence: Iterable[Evidence],
    *,
    findings: Sequence[Finding] = (),
    claims: Sequence[Claim] = (),
    note: str = "",
    budget: int = TEXT_BUDGET,
) -> str:
    """The text of an answer: findings and claims, then the other observations, fenced as data, cut at `budget`."""
    head = [*_finding_lines(findings), *(f"claim: {_claim_line(claim)}" for claim in claims)]
    lines = [*head, *([note] if note else [])]
    told = {(c.evidence, c.key) for claim in (*claims, *_claims_of(findings)) for c in claim.citations}
    for item in evidence:
        lines.extend(_evidence_lines(item, told))
    return _within(lines, budget)


def _claims_of(findings: Sequence[Finding]) -> Iterable[Claim]:
    return (claim for finding in findings for claim in finding.claims)


def _within(lines: list[str], budget: int) -> str:
    kept: list[str] = []
    room = budget - 120
    for line in lines:
        clean = _one_line(line)
        if len(clean) + 1 > room:
            break
        kept.append(clean)
        room -= len(clean) + 1
    cut = len(lines) - len(kept)
    tail = [f"({cut} more lines are not shown; read_artifact pages through the raw output of a digest)"] if cut else []
    return "\n".join(["<data>", *kept, "</data>", *tail])


def _one_line(text: str) -> str:
    indent = "  " if text.startswith("  ") else ""
    return indent + neutral(visible(" ".join(text.split())))


def neutral(text: str) -> str:
    """`text` unable to open or close the fence around data."""
    return text.replace("<data>", "(data)").replace("</data>", "(/data)")


def _finding_lines(findings: Sequence[Finding]) -> list[str]:
    lines: list[str] = []
    for rank, finding in enumerate(findings, start=1):
        lines.append(f"finding {rank}: {finding.cause} on {finding.object}, confidence {finding.confidence:.2f}")
        lines.extend(f"  claim: {_claim_line(claim)}" for claim in finding.claims)
    return lines


def _claim_line(claim: Claim) -> str:
    cited = ", ".join(f"{c.evidence} {c.key!r}={c.value!r}" for c in claim.citations)
    return f"{claim.text} [{cited}]"


def _evidence_lines(evidence: Evidence, told: Collection[tuple[str, str]]) -> list[str]:
    """An evidence with what claims have not told of it already."""
    if evidence.unavailable:
        return [f"{evidence.source}: UNAVAILABLE: {evidence.unavailable}"]
    head = f"evidence {evidence.id} ({evidence.source}, digest {evidence.digest}): {evidence.query[:QUERY_LIMIT]}"
    values = [
        f"  {item.key!r} = {_value(item)}" for item in evidence.observations if (evidence.id, item.key) not in told
    ]
    return [head, f"  {evidence.summary}", *values]


def _value(item: Observation) -> str:
    if isinstance(item.value, str):
        return repr(item.value)
    return f"{item.value!r} {item.unit}".rstrip()
