"""Models that are programs: they read what tools answered, as a language model would, and answer by rule."""

import ast
import re
from dataclasses import dataclass

from evals.llm.server import Body, Said, calls, seen

_FINDING = re.compile(r"^finding \d+: (?P<cause>\w+) on (?P<kind>[^/\s]+)/(?P<name>\S+), confidence (?P<sure>[\d.]+)$")
_CLAIM = re.compile(r"^\s*claim: (?P<text>.*) \[(?P<cited>e-.*)\]$")
_CITATION = re.compile(
    r"(?P<evidence>e-[0-9a-f]{10}) (?P<key>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")="
    r"(?P<value>-?[\d.]+(?:e[+-]?\d+)?|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
)


@dataclass(frozen=True)
class ReadFinding:
    """A finding as the analysis tool's text shows it."""

    cause: str
    kind: str
    name: str
    confidence: float
    claims: tuple[Body, ...]

    def cause_of(self, namespace: str | None) -> Body:
        """It as an entry of a conclusion."""
        where: Body = {"kind": self.kind, "name": self.name, "namespace": namespace}
        claims = list(self.claims)
        return {"cause": self.cause, "object": where, "confidence": self.confidence, "claims": [*claims]}


def findings(text: str) -> tuple[ReadFinding, ...]:
    """The findings in an answer of the analysis tool, in its order."""
    found: list[ReadFinding] = []
    claims: list[Body] = []
    for line in text.splitlines():
        head = _FINDING.match(line.strip())
        if head:
            claims = []
            found.append(ReadFinding(head["cause"], head["kind"], head["name"], float(head["sure"]), ()))
        elif found and (claim := claim_of(line)):
            claims.append(claim)
            last = found[-1]
            found[-1] = ReadFinding(last.cause, last.kind, last.name, last.confidence, tuple(claims))
        elif line.startswith("evidence "):
            break
    return tuple(item for item in found if item.claims)


def claim_of(line: str) -> Body | None:
    """A `claim:` line as a claim with citations; None for other lines."""
    match = _CLAIM.match(line)
    citations = [_citation(item) for item in _CITATION.finditer(match["cited"])] if match else []
    return {"text": match["text"], "citations": [*citations]} if match and citations else None


def _citation(match: re.Match[str]) -> Body:
    value = match["value"]
    seen_value = ast.literal_eval(value) if value[0] in "'\"" else float(value)
    return {"evidence": match["evidence"], "key": ast.literal_eval(match["key"]), "value": seen_value}


def diligent(body: Body) -> Said:
    """A good model: reads the analysis, looks once more at what it is surest of, and repeats what stands."""
    read = findings(seen(body))
    if not read:
        return calls(("conclude", {"causes": []}))
    first = read[0]
    if seen(body).count("<data>") == 1:
        look = ("describe_workload", {"name": first.name, "kind": first.kind})
        events = ("list_events", {"name": first.name, "kind": first.kind})
        return calls(look if first.kind in {"deployment", "statefulset", "daemonset"} else events)
    return calls(("conclude", {"causes": [item.cause_of(None) for item in read[:3]]}))
