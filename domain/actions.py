"""The closed set of things triagent can change, each with its risk and its inverse.

An action holds names and numbers only. The names must come from the inventory (`domain.inventory`), never from text.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from domain.model import Model
from domain.objects import Name, WorkloadRef

Risk = Literal["low", "medium", "high"]
RISKS: tuple[Risk, ...] = ("low", "medium", "high")
Revision = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]


class RestartWorkload(Model):
    """Replace every pod, a few at a time (`kubectl rollout restart`). Nothing to undo."""

    base_risk: ClassVar[Risk] = "low"
    type: Literal["restart_workload"] = "restart_workload"
    workload: WorkloadRef


class ScaleWorkload(Model):
    """Set the replica count. Undone by setting the old one."""

    base_risk: ClassVar[Risk] = "low"
    type: Literal["scale_workload"] = "scale_workload"
    workload: WorkloadRef
    replicas: int = Field(ge=0, le=10_000)


class UndoRollout(Model):
    """Put the pod template of an earlier revision back (`kubectl rollout undo`). Undone by the later revision."""

    base_risk: ClassVar[Risk] = "medium"
    type: Literal["undo_rollout"] = "undo_rollout"
    workload: WorkloadRef
    to_revision: int = Field(ge=1)


class SyncApplication(Model):
    """Let Argo CD apply what Git says at `revision`. Undone by rolling back to the history entry before, if one may."""

    base_risk: ClassVar[Risk] = "medium"
    type: Literal["sync_application"] = "sync_application"
    application: Name
    revision: Revision


class RollbackApplication(Model):
    """Let Argo CD deploy an earlier entry of the application's history. Undone by syncing the later revision."""

    base_risk: ClassVar[Risk] = "medium"
    type: Literal["rollback_application"] = "rollback_application"
    application: Name
    history_id: int = Field(ge=0)
    revision: Revision


Action = Annotated[
    RestartWorkload | ScaleWorkload | UndoRollout | SyncApplication | RollbackApplication,
    Field(discriminator="type"),
]
ACTION: TypeAdapter[Action] = TypeAdapter(Action)


def target_of(action: Action) -> str:
    """What the action changes, as `kind/name`."""
    if isinstance(action, SyncApplication | RollbackApplication):
        return f"application/{action.application}"
    return str(action.workload)


def describe(action: Action) -> str:
    """One line for a person."""
    match action:
        case RestartWorkload():
            return f"restart {action.workload}"
        case ScaleWorkload():
            return f"scale {action.workload} to {action.replicas} replicas"
        case UndoRollout():
            return f"undo {action.workload} to rollout revision {action.to_revision}"
        case SyncApplication():
            return f"sync application/{action.application} to {action.revision[:12]}"
        case RollbackApplication():
            return f"roll application/{action.application} back to {action.revision[:12]} (history {action.history_id})"
