"""Evidence: what a tool saw, small enough to reason over, with a digest of the raw output behind it."""

import math
import re
from typing import Literal

from pydantic import Field

from domain.characters import visible
from domain.model import Model, Timestamp, digest_of

EvidenceKind = Literal["metric", "log", "trace", "event", "object", "application", "alert", "knowledge", "finding"]
SUMMARY_LIMIT = 4000
OBSERVATION_LIMIT = 200


class Observation(Model):
    """One value that can be cited: `key` is unique within its evidence (`checkout error_ratio`, `line 12`)."""

    key: str = Field(max_length=256)
    value: str | float
    unit: str = ""


class Evidence(Model):
    """One look at one system. `unavailable` says why nothing was seen; then there are no observations.

    `passing`: it was unavailable for a reason that may pass, such as an outage; another look may see.

    `digest` is the SHA-256 of the raw output in the artifact store. Every text here is untrusted.
    """

    id: str
    kind: EvidenceKind
    source: str
    query: str = Field(max_length=4096)
    summary: str = Field(max_length=SUMMARY_LIMIT)
    digest: str
    observations: tuple[Observation, ...] = Field(default=(), max_length=OBSERVATION_LIMIT)
    collected_at: Timestamp
    unavailable: str | None = None
    passing: bool = False

    def observation(self, key: str) -> Observation | None:
        """The observation of that key."""
        return next((item for item in self.observations if item.key == key), None)


def evidence_id(source: str, query: str, digest: str) -> str:
    """A short id that is the same whenever the same look returned the same bytes: `e-` and 10 hex digits."""
    return f"e-{digest_of([source, query, digest])[:10]}"


class Citation(Model):
    """Points at one observed value: a program can check it."""

    evidence: str
    key: str
    value: str | float


class Claim(Model):
    """One statement and what backs it. `evidence` repeats the cited ids for readers of the API."""

    text: str = Field(max_length=1000)
    citations: tuple[Citation, ...] = ()

    @property
    def evidence(self) -> tuple[str, ...]:
        """Ids of the cited evidence, in order, once each."""
        return tuple(dict.fromkeys(citation.evidence for citation in self.citations))


_NUMBER = re.compile(r"(?<![\w.\-/:])-?\d+(?:\.\d+)?(?![\w\-/:]|\.\d)")


def unsupported(claim: Claim, evidence: dict[str, Evidence]) -> str | None:
    """Why the claim does not stand on `evidence` (by id), or None if it does.

    It stands when it cites something, every citation names an observed key with its value, and every number in the
    text is (up to rounding, or as a percentage) one that it cites.
    """
    if not claim.citations:
        return "cites nothing"
    for citation in claim.citations:
        problem = _citation_problem(citation, evidence)
        if problem:
            return problem
    cited = " ".join(f"{c.key} {c.value}" for c in claim.citations)
    values = [float(c.value) for c in claim.citations if isinstance(c.value, float)]
    values += [float(text) for text in _NUMBER.findall(cited)]
    for text in _NUMBER.findall(claim.text):
        if text not in cited and not any(_rounds_to(value, text) for value in values):
            return f"says {text}, which it does not cite"
    return None


def _citation_problem(citation: Citation, evidence: dict[str, Evidence]) -> str | None:
    source = evidence.get(citation.evidence)
    if source is None:
        return f"cites {citation.evidence}, which nobody collected"
    seen = source.observation(citation.key)
    if seen is None:
        return f"cites {citation.key!r}, which is not in {citation.evidence}"
    if not _same_value(seen.value, citation.value):
        return f"cites {citation.key!r} as {citation.value!r}, but {citation.evidence} has {seen.value!r}"
    return None


def _same_value(seen: str | float, cited: str | float) -> bool:
    if isinstance(seen, float) and isinstance(cited, float):
        return math.isclose(seen, cited, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(seen, str) and isinstance(cited, str):
        return bool(cited.strip()) and (cited in seen or cited in visible(seen))  # models are shown it visible
    return str(seen) == str(cited)


def _rounds_to(value: float, text: str) -> bool:
    """Whether `text` is `value` (or `value` as a percentage, or in milliseconds) at the digits `text` shows."""
    decimals = len(text.partition(".")[2])
    tolerance = 0.5 * 10**-decimals + 1e-9
    return any(abs(abs(value) * scale - abs(float(text))) <= tolerance for scale in (1, 100, 1000))
