"""Who must approve what. No policy can turn the gate off: a quorum is at least one person."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from domain.actions import RISKS, Action, Risk, RollbackApplication, ScaleWorkload, SyncApplication
from domain.inventory import Inventory
from domain.model import Model

Role = Literal["responder", "approver", "admin"]


class ApprovalRule(Model):
    """What one risk level needs: `quorum` different people, each with one of `roles`."""

    quorum: int = Field(default=1, ge=1, le=10)
    roles: tuple[Role, ...] = Field(default=("approver", "admin"), min_length=1)
    separation_of_duties: bool = True
    """Whoever modified the plan does not count towards its quorum."""


class Policy(Model):
    """The approval policy of a site (`TRIAGE_POLICY__FILE`, YAML)."""

    rules: dict[Risk, ApprovalRule] = Field(
        default={
            "low": ApprovalRule(roles=("responder", "approver", "admin")),
            "medium": ApprovalRule(),
            "high": ApprovalRule(quorum=2),
        }
    )
    expiry: Annotated[timedelta, Field(gt=timedelta(0), le=timedelta(days=7))] = timedelta(hours=24)
    max_replicas: int = Field(default=50, ge=1)
    max_scale_factor: float = Field(default=4.0, gt=1)
    forbidden_namespaces: tuple[str, ...] = ("kube-system", "kube-public", "kube-node-lease", "argocd")
    high_risk_namespaces: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _every_risk_has_a_rule(self) -> Self:
        missing = [risk for risk in RISKS if risk not in self.rules]
        if missing:
            raise ValueError(f"policy has no rule for risk {', '.join(missing)}")
        return self

    def rule(self, risk: Risk) -> ApprovalRule:
        """The rule of a risk level."""
        return self.rules[risk]


def namespaces_of(action: Action, inventory: Inventory) -> tuple[str, ...]:
    """The namespaces an action changes things in, as far as they are known; an application's destination first."""
    if isinstance(action, SyncApplication | RollbackApplication):
        entry = inventory.application(action.application)
        known = (entry.namespace, *entry.namespaces) if entry else ()
        return tuple(dict.fromkeys(namespace for namespace in known if namespace))
    return (action.workload.namespace,)


def refusals(action: Action, inventory: Inventory, policy: Policy) -> tuple[str, ...]:
    """Why policy forbids `action` altogether; empty if it may be asked for."""
    reasons = [
        f"policy forbids changes in namespace {namespace}"
        for namespace in namespaces_of(action, inventory)
        if namespace in policy.forbidden_namespaces
    ]
    if isinstance(action, ScaleWorkload):
        reasons.extend(_scale_refusals(action, inventory, policy))
    return tuple(reasons)


def _scale_refusals(action: ScaleWorkload, inventory: Inventory, policy: Policy) -> list[str]:
    entry = inventory.workload(action.workload)
    before = entry.replicas if entry else 0
    reasons: list[str] = []
    if action.replicas > policy.max_replicas:
        reasons.append(f"{action.replicas} replicas is over the policy's maximum of {policy.max_replicas}")
    if before and action.replicas > before * policy.max_scale_factor:
        reasons.append(f"from {before} to {action.replicas} is more than a factor of {policy.max_scale_factor:g}")
    if action.replicas == 0:
        reasons.append("scaling to zero is an outage, not a remedy")
    return reasons


def risk_of(action: Action, inventory: Inventory, policy: Policy, *, final: bool = False) -> Risk:
    """The action's own risk, raised where it is `final` (nothing could undo it) or in a high-risk namespace."""
    if final or not set(policy.high_risk_namespaces).isdisjoint(namespaces_of(action, inventory)):
        return "high"
    return action.base_risk
