"""From a draft to a plan: live preconditions, predicted effects, inverses, risk, and what policy asks for."""

from temporalio import activity

from domain.actions import Action, RollbackApplication, SyncApplication, describe
from domain.checks import ApplicationCheck, Check
from domain.errors import InvalidPlan, Misconfigured
from domain.inventory import ApplicationEntry, Inventory, pinned, violations
from domain.inverses import inverse, no_way_back
from domain.model import Model, Timestamp
from domain.plans import RATIONALE_LIMIT, Plan, PlanDraft, PlannedAction, Precondition, PredictedEffect
from domain.policy import ApprovalRule, Policy, refusals, risk_of
from tools.argocd.preview import ArgoPreview
from tools.argocd.read import ArgoReader
from tools.kubernetes.preview import KubernetesPreview
from tools.kubernetes.read import KubernetesReader
from workflows.activities.holding import Holding

SUMMARY_LIMIT = 1000


class PrepareInput(Model):
    """A draft and what was seen. `version` counts the plans of an incident."""

    incident_id: str
    version: int
    draft: PlanDraft
    inventory: Inventory
    evidence_digests: tuple[str, ...]
    proposed_by: str
    at: Timestamp


class Prepared(Model):
    """A plan fit for review, and the rule by which it may be approved."""

    plan: Plan
    rule: ApprovalRule


class Preparation:
    """Reads live state and dry-runs; writes nothing."""

    def __init__(
        self,
        policy: Policy,
        *,
        holding: Holding,
        kubernetes: KubernetesReader | None,
        kubernetes_preview: KubernetesPreview | None,
        argocd: ArgoReader | None,
        argocd_preview: ArgoPreview | None,
    ) -> None:
        self._policy = policy
        self._holding = holding
        self._kubernetes = kubernetes
        self._kubernetes_preview = kubernetes_preview
        self._argocd = argocd
        self._argocd_preview = argocd_preview

    @activity.defn(name="plan.prepare")
    async def prepare(self, request: PrepareInput) -> Prepared:
        """Raises `InvalidPlan` with every reason why the draft may not be asked for."""
        refused = [
            reason
            for action in request.draft.actions
            for reason in (
                *violations(action, request.inventory),
                *refusals(action, request.inventory, self._policy),
            )
        ]
        if refused:
            raise InvalidPlan(tuple(refused))
        planned = tuple([await self._planned(action, request.inventory) for action in request.draft.actions])
        held_to = await self._holding.of(request.incident_id, request.draft, request.at)
        plan = Plan(
            incident_id=request.incident_id,
            version=request.version,
            actions=planned,
            checks=tuple(dict.fromkeys(_held(check, planned) for check in held_to.checks)),
            rationale=_explained(request.draft.rationale, held_to.notes),
            evidence_digests=request.evidence_digests,
            proposed_by=request.proposed_by,
            created_at=request.at,
            expires_at=request.at + self._policy.expiry,
        )
        return Prepared(plan=plan, rule=self._policy.rule(plan.risk))

    async def _planned(self, drafted: Action, inventory: Inventory) -> PlannedAction:
        action, before = await self._live(drafted)
        undone_by, final = inverse(action, before), no_way_back(action, before)
        effect = self._noting_reconcilers(action, inventory, await self._effect(action))
        return PlannedAction(
            action=action,
            risk=risk_of(action, inventory, self._policy, final=bool(final)),
            precondition=before,
            predicted_effect=_with_note(effect, final),
            inverse=undone_by,
        )

    async def _live(self, action: Action) -> tuple[Action, Precondition]:
        """The action as live state has it carried out, and what must hold before it."""
        if isinstance(action, SyncApplication | RollbackApplication):
            if self._argocd is None:
                raise Misconfigured("Argo CD is not configured: set TRIAGE_ARGOCD__URL")
            state = (await self._argocd.application(action.application)).value
            return pinned(action, state.entry), state.precondition
        if self._kubernetes is None:
            raise Misconfigured("Kubernetes is not configured: set TRIAGE_KUBERNETES__KUBECONFIG")
        return action, (await self._kubernetes.workload(action.workload)).value.precondition

    async def _effect(self, action: Action) -> PredictedEffect:
        if isinstance(action, SyncApplication | RollbackApplication):
            if self._argocd_preview is None:
                raise _unwritable(action, "Argo CD", "TRIAGE_ARGOCD__WRITE_TOKEN")
            return await self._argocd_preview.preview(action)
        if self._kubernetes_preview is None:
            settings = "TRIAGE_KUBERNETES__WRITE_KUBECONFIG or TRIAGE_KUBERNETES__WRITE_CONTEXT"
            raise _unwritable(action, "Kubernetes", settings)
        return await self._kubernetes_preview.preview(action)

    def _noting_reconcilers(self, action: Action, inventory: Inventory, effect: PredictedEffect) -> PredictedEffect:
        """A change that Git does not have does not last by itself: say who will undo it, and what must follow."""
        if isinstance(action, RollbackApplication):
            return _with_note(effect, _to_revert(inventory.application(action.application)))
        if isinstance(action, SyncApplication):
            return effect
        entry = inventory.workload(action.workload)
        application = inventory.application(entry.application) if entry and entry.application else None
        if application is None:
            return effect
        return _with_note(effect, _warning(application))


def _explained(rationale: str, notes: tuple[str, ...]) -> str:
    """The reasons for the plan, cut if need be, and what it is not held to."""
    left_out = " ".join(notes)
    return f"{rationale[: max(0, RATIONALE_LIMIT - len(left_out) - 1)]} {left_out}".strip()[:RATIONALE_LIMIT]


def _held(check: Check, planned: tuple[PlannedAction, ...]) -> Check:
    """A check of an application that the plan changes holds it to the planned revision, whatever the draft said."""
    if not isinstance(check, ApplicationCheck):
        return check
    for action in (item.action for item in planned):
        if isinstance(action, SyncApplication | RollbackApplication) and action.application == check.application:
            return check.model_copy(update={"revision": action.revision})
    return check


def _with_note(effect: PredictedEffect, note: str) -> PredictedEffect:
    """The note is never what a long summary is cut by."""
    kept = effect.summary[: SUMMARY_LIMIT - len(note) - 1]
    return effect.model_copy(update={"summary": f"{kept} {note}".strip()})


def _to_revert(application: ApplicationEntry | None) -> str:
    """A rollback changes the cluster, not Git: the commit that did harm is still there for the next sync."""
    if application is None or not application.history:
        return ""
    deployed = application.history[-1].revision[:12]
    branch = application.target_revision or "its branch"
    return f"Git still has revision {deployed} on {branch}: revert it there, or the next sync brings it back."


def _unwritable(action: Action, system: str, settings: str) -> Misconfigured:
    """Nobody is asked to approve what cannot be carried out; what would have been asked for is said."""
    return Misconfigured(f"cannot {describe(action)}: no write identity for {system}; set {settings}")


def _warning(application: ApplicationEntry) -> str:
    if application.self_heal:
        return f"Argo CD application {application.name} self-heals: it will put Git's state back unless Git follows."
    return f"Argo CD application {application.name} tracks this workload: the next sync undoes it unless Git follows."
