"""How analyzers cite: a look at one system, what was seen in it, and statements that rest on that.

A statement's text should repeat only numbers that it cites; `domain.evidence.unsupported` holds it to that.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from domain.evidence import OBSERVATION_LIMIT, Citation, Claim, Evidence, EvidenceKind, Observation, evidence_id
from domain.redaction import redact

VALUE_LIMIT = 600
KEY_LIMIT = 256
TEXT_LIMIT = 1000


def clipped(text: str, limit: int = VALUE_LIMIT) -> str:
    """`text` without line breaks and secrets, at most `limit` characters."""
    line = " ".join(redact(text[: 2 * limit]).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


@dataclass(frozen=True)
class Look:
    """One read of one system: what becomes an `Evidence` once something in it is cited."""

    kind: EvidenceKind
    source: str
    query: str
    digest: str
    at: datetime
    summary: str = ""

    @cached_property
    def id(self) -> str:
        """The evidence id."""
        return evidence_id(self.source, self.query, self.digest)

    def sees(self, key: str, value: str | float, unit: str = "") -> "Sighting":
        """A value in this look. `key` must be unique in it for that value."""
        seen = clipped(value) or "(empty)" if isinstance(value, str) else float(value)
        return Sighting(self, clipped(key, KEY_LIMIT), seen, unit)

    def evidence(self, sightings: Iterable["Sighting"]) -> Evidence:
        """The look as evidence, with the cited values in order of first citation."""
        unique = {sighting.key: sighting for sighting in sightings}
        return Evidence(
            id=self.id,
            kind=self.kind,
            source=self.source,
            query=self.query,
            summary=self.summary,
            digest=self.digest,
            observations=tuple(Observation(key=item.key, value=item.value, unit=item.unit) for item in unique.values())[
                :OBSERVATION_LIMIT
            ],
            collected_at=self.at,
        )


@dataclass(frozen=True)
class Sighting:
    """One value somewhere in a look."""

    look: Look
    key: str
    value: str | float
    unit: str = ""


@dataclass(frozen=True)
class Statement:
    """A sentence, and what backs it."""

    text: str
    sightings: tuple[Sighting, ...]

    @property
    def claim(self) -> Claim:
        """The statement as a claim with citations."""
        citations = (Citation(evidence=item.look.id, key=item.key, value=item.value) for item in self.sightings)
        return Claim(text=clipped(self.text, TEXT_LIMIT), citations=tuple(citations))


def states(text: str, *sightings: Sighting) -> Statement:
    """A statement that rests on `sightings`."""
    return Statement(text, sightings)


def gathered(statements: Iterable[Statement]) -> tuple[Evidence, ...]:
    """Evidence for everything the statements cite, one per look, in order of first citation."""
    looks: dict[str, tuple[Look, list[Sighting]]] = {}
    for statement in statements:
        for sighting in statement.sightings:
            looks.setdefault(sighting.look.id, (sighting.look, []))[1].append(sighting)
    return tuple(look.evidence(sightings) for look, sightings in looks.values())


def number(sighting: Sighting) -> str:
    """A cited number as people write it: no exponents, no digits beyond use."""
    value = float(sighting.value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
