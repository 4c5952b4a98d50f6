"""The fast path: is a known pattern's cause to be seen in live evidence? Then its plan is ready without a model."""

from agent.analysis import Analysis, Sources, analyse
from agent.grounding import PlanReviewer, grounded, summary_of
from agent.investigation import Brief
from agent.toolset.focus import slim
from agent.toolset.overview import overview
from domain.diagnosis import Diagnosis, Finding, RankedCause
from domain.evidence import Evidence
from domain.inventory import Inventory
from domain.learning import Pattern
from domain.model import Model
from domain.objectives import Objectives
from domain.plans import PlanDraft
from domain.policy import Policy

CONFIRMED_AT = 0.5
"""Confidence from which a finding confirms a pattern: below it a full investigation is worth its time."""


class Recheck(Model):
    """Whether the pattern's cause was seen again. Diagnosis and draft are there only if it was."""

    confirmed: bool
    reason: str
    evidence: tuple[Evidence, ...] = ()
    inventory: Inventory = Inventory()
    diagnosis: Diagnosis | None = None
    draft: PlanDraft | None = None


class Rechecker:
    """Looks for the causes of patterns in live evidence."""

    def __init__(self, sources: Sources, objectives: Objectives, policy: Policy) -> None:
        self._sources = sources
        self._objectives = objectives
        self._policy = policy

    async def recheck(self, pattern: Pattern, brief: Brief) -> Recheck:
        """Analyse now, and compare. The pattern's remedies bound the plan; the live inventory gives its arguments."""
        analysis = await analyse(
            self._sources, brief.namespace, at=brief.at, service=brief.service, alerts=slim(brief.alerts)
        )
        answer = overview(analysis)
        seen = Recheck(confirmed=False, reason="", evidence=answer.evidence, inventory=answer.inventory)
        finding = matching(analysis.findings, pattern)
        if finding is None:
            return seen.model_copy(update={"reason": _why_not(analysis, pattern)})
        return self._confirmed(seen, finding, pattern, brief, analysis)

    def _confirmed(
        self, seen: Recheck, finding: Finding, pattern: Pattern, brief: Brief, analysis: Analysis
    ) -> Recheck:
        cause = RankedCause.model_validate(finding.model_dump(exclude={"analyzer"}))
        standing = grounded([cause], {item.id: item for item in seen.evidence}, [finding]).causes
        if not standing:
            return seen.model_copy(update={"reason": f"{finding.cause} was found, but its claims do not stand"})
        diagnosis = Diagnosis(
            summary=summary_of(standing),
            confidence=standing[0].confidence,
            planner=f"pattern {pattern.id}",
            causes=standing,
            blindspots=analysis.blindspots,
        )
        reviewer = PlanReviewer(seen.inventory, brief.alerts, self._objectives, self._policy)
        draft = reviewer.proposal(standing, only=pattern.remedies or None)
        reason = f"{finding.cause} on {finding.object} is seen again, confidence {finding.confidence:.2f}"
        return seen.model_copy(update={"confirmed": True, "reason": reason, "diagnosis": diagnosis, "draft": draft})


def matching(findings: tuple[Finding, ...], pattern: Pattern) -> Finding | None:
    """The best finding if it is the pattern's cause, on the pattern's object where it names one, and sure enough.

    Only the best one counts: a pattern whose cause is now second to another is not what is happening.
    """
    best = max(findings, key=lambda finding: finding.confidence, default=None)
    if best is None or best.cause != pattern.cause or best.confidence < CONFIRMED_AT:
        return None
    if pattern.object is not None and str(pattern.object) != str(best.object):
        return None
    return best


def _why_not(analysis: Analysis, pattern: Pattern) -> str:
    wanted = f"{pattern.cause} on {pattern.object}" if pattern.object else pattern.cause
    best = max(analysis.findings, key=lambda finding: finding.confidence, default=None)
    if best is None:
        return f"{wanted} is not to be seen: live evidence shows no fault"
    return f"{wanted} is not what live evidence shows: {best.cause} on {best.object}, confidence {best.confidence:.2f}"
