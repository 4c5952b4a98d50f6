"""Findings of analyzers, and the diagnosis a triage ends with."""

from typing import Annotated

from pydantic import AfterValidator, Field

from domain.causes import CAUSES
from domain.evidence import Claim
from domain.model import Model
from domain.objects import ObjectRef


def _known_cause(value: str) -> str:
    if value not in CAUSES:
        raise ValueError(f"unknown cause {value!r}; see domain/causes.py for the vocabulary")
    return value


CauseId = Annotated[str, AfterValidator(_known_cause)]
Confidence = Annotated[float, Field(ge=0.0, le=1.0)]
"""Calibrated: of the findings said with 0.8, about 80 % are right."""


class Finding(Model):
    """An analyzer's result: this cause, on this object, because of these claims."""

    cause: CauseId
    object: ObjectRef
    confidence: Confidence
    claims: tuple[Claim, ...] = Field(min_length=1)
    analyzer: str


class RankedCause(Model):
    """One entry of a diagnosis, most likely first."""

    cause: CauseId
    object: ObjectRef
    confidence: Confidence
    claims: tuple[Claim, ...] = Field(min_length=1)


class Blindspot(Model):
    """A source that could not be asked, so that the reader knows what was not seen. `passing`: for now."""

    source: str
    reason: str
    passing: bool = False


class Diagnosis(Model):
    """What is wrong, as far as the evidence goes. No causes means: insufficient evidence."""

    summary: str = Field(max_length=4000)
    confidence: Confidence
    planner: str
    causes: tuple[RankedCause, ...] = ()
    blindspots: tuple[Blindspot, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sufficient(self) -> bool:
        """Whether a cause is named at all."""
        return bool(self.causes)

    @property
    def premature(self) -> bool:
        """Whether nothing was found while something could not be seen that may be back soon."""
        return not self.sufficient and any(blindspot.passing for blindspot in self.blindspots)
