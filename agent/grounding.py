"""The check between a model and a reviewer: claims stand on evidence, plans on the inventory and on grounded causes."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from agent.remedies import propose
from domain.actions import Action, describe
from domain.alerts import Alert
from domain.causes import CAUSES
from domain.checks import Check
from domain.diagnosis import Finding, RankedCause
from domain.evidence import Claim, Evidence, unsupported
from domain.inventory import Inventory, violations
from domain.learning import ActionType
from domain.model import Model
from domain.objectives import Objectives
from domain.plans import RATIONALE_LIMIT, PlanDraft
from domain.policy import Policy, refusals


class Grounded(Model):
    """The causes that stand, with the claims that stand, and what was wrong with the others."""

    causes: tuple[RankedCause, ...] = ()
    problems: tuple[str, ...] = ()


UNCONFIRMED = 0.3
"""Confidence at most, of a cause that no analyzer found: a model's own is not calibrated. Too little for a plan."""


class Reviewed(Model):
    """The draft that may be asked for, and what was wrong with the one that was proposed."""

    draft: PlanDraft | None = None
    problems: tuple[str, ...] = ()


def grounded(
    causes: Iterable[RankedCause], evidence: dict[str, Evidence], findings: Sequence[Finding] = ()
) -> Grounded:
    """Drop claims that do not stand on `evidence`, causes without a claim left, and causes about unseen objects.

    A cause that an analyzer found too takes the analyzer's confidence; the others come after them.
    """
    kept: list[RankedCause] = []
    problems: list[str] = []
    for cause in causes:
        claims, wrong = _standing(cause.claims, evidence)
        problems.extend(wrong)
        if not _seen(cause, evidence, findings):
            problems.append(f"{cause.cause} names {cause.object}, which no evidence mentions")
        elif claims:
            finding = confirming(cause, findings)
            confidence = finding.confidence if finding else min(cause.confidence, UNCONFIRMED)
            kept.append(cause.model_copy(update={"claims": claims, "confidence": confidence}))
    ordered = sorted(kept, key=lambda cause: confirming(cause, findings) is None)
    return Grounded(causes=tuple(ordered), problems=tuple(problems))


def confirming(cause: RankedCause, findings: Sequence[Finding]) -> Finding | None:
    """The analyzers' finding of the same cause on the same object."""
    alike = [item for item in findings if (item.cause, str(item.object)) == (cause.cause, str(cause.object))]
    return next((item for item in alike if item.object.namespace == cause.object.namespace), next(iter(alike), None))


def confirmed(causes: Iterable[RankedCause], findings: Sequence[Finding]) -> tuple[RankedCause, ...]:
    """The causes that an analyzer found too, as it found them: a plan follows from these alone.

    Of a model's conclusion only the choice is left. Text that made a model name a cause, an object or a reason of its
    own leads nowhere.
    """
    found = (confirming(cause, findings) for cause in causes)
    return tuple(RankedCause.model_validate(item.model_dump(exclude={"analyzer"})) for item in found if item)


def worded(causes: Iterable[RankedCause], claims: Collection[str]) -> tuple[RankedCause, ...]:
    """The causes in words that are not a model's: `claims` are those that tools made; without one, what is cited."""
    return tuple(
        cause.model_copy(
            update={"claims": tuple(claim for claim in cause.claims if claim.text in claims) or _cited(cause)}
        )
        for cause in causes
    )


def _cited(cause: RankedCause) -> tuple[Claim, ...]:
    return tuple(
        claim.model_copy(update={"text": "; ".join(f"{c.key}: {c.value}" for c in claim.citations)[:1000]})
        for claim in cause.claims
    )


def standing(claims: Iterable[Claim], evidence: dict[str, Evidence]) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """The claims that stand, and why the others do not."""
    kept, wrong = _standing(claims, evidence)
    return kept, tuple(wrong)


def _standing(claims: Iterable[Claim], evidence: dict[str, Evidence]) -> tuple[tuple[Claim, ...], list[str]]:
    kept: list[Claim] = []
    wrong: list[str] = []
    for claim in claims:
        problem = unsupported(claim, evidence)
        if problem is None:
            kept.append(claim)
        else:
            wrong.append(f"claim {claim.text[:120]!r} {problem}")
    return tuple(kept), wrong


def _seen(cause: RankedCause, evidence: dict[str, Evidence], findings: Sequence[Finding]) -> bool:
    if any(str(finding.object) == str(cause.object) for finding in findings):
        return True
    cited = {evidence_id for claim in cause.claims for evidence_id in claim.evidence}
    name = cause.object.name
    return any(_mentions(evidence[item], name) for item in cited if item in evidence)


def _mentions(evidence: Evidence, name: str) -> bool:
    texts = [evidence.query, *(item.key for item in evidence.observations)]
    return any(name in text for text in texts)


@dataclass(frozen=True)
class PlanReviewer:
    """Holds plans to what was seen and to a site's rules."""

    inventory: Inventory
    alerts: tuple[Alert, ...]
    objectives: Objectives
    policy: Policy

    def review(self, actions: Sequence[Action], causes: Sequence[RankedCause]) -> Reviewed:
        """The draft that may be asked for: the proposed actions, or without any the product's own remedies.

        An action may be chosen, its arguments may not be made up: it must be one that the remedies derive from the
        grounded causes and the inventory. So no name, number or revision out of a log line or an annotation can get
        into a plan.
        """
        own = self.proposal(causes)
        derived: list[PlanDraft] = [own] if own else []
        problems: list[str] = []
        for action in actions:
            wrong = (*violations(action, self.inventory), *refusals(action, self.inventory, self.policy))
            if not wrong:
                each = (self.proposal([cause], only=(action.type,)) for cause in causes)
                derived.extend(draft for draft in each if draft)
                wrong = _underived(action, derived)
            problems.extend(f"{describe(action)}: {reason}" for reason in wrong)
        if problems or not actions:
            return Reviewed(draft=own, problems=tuple(problems))
        return Reviewed(draft=_chosen(actions, derived))

    def proposal(self, causes: Sequence[RankedCause], only: tuple[ActionType, ...] | None = None) -> PlanDraft | None:
        """What the remedies propose for `causes`, or with `only` these types of action."""
        if not causes:
            return None
        return propose(causes, self.inventory, self.objectives, alerts=self.alerts, policy=self.policy, only=only)


def _underived(action: Action, derived: Sequence[PlanDraft]) -> tuple[str, ...]:
    known = [candidate for draft in derived for candidate in draft.actions]
    if action in known:
        return ()
    alike = [describe(candidate) for candidate in known if candidate.type == action.type]
    instead = f"; the evidence gives: {', '.join(dict.fromkeys(alike))}" if alike else ""
    return (f"does not follow from a grounded cause{instead}",)


def _chosen(actions: Sequence[Action], derived: Sequence[PlanDraft]) -> PlanDraft:
    """The chosen actions with the checks and reasons of the drafts they come from."""
    sources = [next(draft for draft in derived if action in draft.actions) for action in actions]
    checks: list[Check] = []
    for draft in sources:
        checks.extend(check for check in draft.checks if check not in checks)
    reasons = dict.fromkeys(draft.rationale for draft in sources if draft.rationale)
    return PlanDraft(actions=tuple(actions), checks=tuple(checks), rationale=" ".join(reasons)[:RATIONALE_LIMIT])


def summary_of(causes: Sequence[RankedCause]) -> str:
    """A diagnosis in words: nothing but causes' titles and the claims it is given: see `worded`."""
    if not causes:
        return "Insufficient evidence: nothing that was seen points at a cause."
    first = causes[0]
    claims = "; ".join(claim.text for claim in first.claims[:4])
    text = f"{CAUSES[first.cause].title} ({first.object}): {claims}."
    others = [f"{cause.cause} on {cause.object}" for cause in causes[1:3]]
    return (text + (f" Less likely: {', '.join(others)}." if others else ""))[:4000]
