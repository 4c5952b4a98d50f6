"""What one run looks into, and what it has collected so far."""

import asyncio

from pydantic import PrivateAttr

from agent.toolset.cited import CitedAnswer
from domain.alerts import Alert
from domain.diagnosis import Blindspot, Finding
from domain.evidence import Evidence
from domain.inventory import Inventory, WorkloadEntry
from domain.learning import Match
from domain.model import Model, Timestamp
from domain.plans import PlanDraft

ALERTS_LIMIT = 10
TEXT_LIMIT = 300


class ToolStep(Model):
    """One finished tool call. `seconds` is the time the tool itself took."""

    tool: str
    evidence: tuple[Evidence, ...]
    seconds: float


class Collected:
    """What the tools of one run gave, and how its output was settled.

    It stays with the run and never crosses into an activity.
    """

    def __init__(self) -> None:
        self.evidence: dict[str, Evidence] = {}
        self.inventory = Inventory()
        self.findings: tuple[Finding, ...] = ()
        self.claims: set[str] = set()
        """Sentences that tools made, word for word."""
        self.matches: tuple[Match, ...] = ()
        self.tool_calls = 0
        self.requests = 0
        self.alerts: tuple[Alert, ...] = ()
        self.draft: PlanDraft | None = None
        self.notes: tuple[str, ...] = ()
        self.sent_back = False
        self.steps: asyncio.Queue[ToolStep | None] = asyncio.Queue()

    def take(self, tool: str, answer: CitedAnswer) -> None:
        """Add one answer and announce the step."""
        self.tool_calls += 1
        self.evidence.update({item.id: item for item in answer.evidence})
        self.inventory = self.inventory.merged(_no_poorer(answer.inventory, self.inventory))
        self.findings += tuple(finding for finding in answer.findings if finding not in self.findings)
        made = (*answer.claims, *(claim for finding in answer.findings for claim in finding.claims))
        self.claims.update(claim.text for claim in made)
        known = {(match.kind, match.doc_id) for match in self.matches}
        self.matches += tuple(match for match in answer.matches if (match.kind, match.doc_id) not in known)
        self.steps.put_nowait(ToolStep(tool=tool, evidence=answer.evidence, seconds=answer.seconds))

    @property
    def blindspots(self) -> tuple[Blindspot, ...]:
        """What could not be asked, each source and reason once."""
        missing = ((item.source, item.unavailable, item.passing) for item in self.evidence.values())
        unique = dict.fromkeys((source, reason, passing) for source, reason, passing in missing if reason)
        return tuple(Blindspot(source=source, reason=reason, passing=passing) for source, reason, passing in unique)


def _no_poorer(new: Inventory, known: Inventory) -> Inventory:
    """`new` as far as it adds to `known`: the analysis knows applications and autoscalers, a list knows only names."""
    fuller: list[WorkloadEntry] = []
    for entry in new.workloads:
        before = known.workload(entry.ref)
        if before is None:
            fuller.append(entry)
        elif len(entry.revisions) > len(before.revisions):
            kept = {"application": before.application, "autoscaled_max": before.autoscaled_max}
            fuller.append(entry.model_copy(update={key: value for key, value in kept.items() if value is not None}))
    return Inventory(workloads=tuple(fuller), applications=new.applications)


class Focus(Model):
    """The dependencies of every tool call. It crosses into each activity, so it is small: see `slim`."""

    namespace: str | None
    service: str | None
    at: Timestamp
    alerts: tuple[Alert, ...] = ()
    _collected: Collected = PrivateAttr(default_factory=Collected)

    @property
    def collected(self) -> Collected:
        """What this run has seen; empty on the other side of an activity boundary."""
        return self._collected


def slim(alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
    """The first firing alerts with short annotations: enough for tools, small enough for every activity."""
    firing = [alert for alert in alerts if alert.status == "firing"] or list(alerts)
    return tuple(
        alert.model_copy(
            update={
                "annotations": {key: text[:TEXT_LIMIT] for key, text in list(alert.annotations.items())[:4]},
                "labels": {key: text[:TEXT_LIMIT] for key, text in list(alert.labels.items())[:20]},
                "generator_url": "",
            }
        )
        for alert in firing[:ALERTS_LIMIT]
    )
