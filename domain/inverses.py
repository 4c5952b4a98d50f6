"""What undoes an action, given the state it is about to change."""

from domain.actions import (
    Action,
    RestartWorkload,
    RollbackApplication,
    ScaleWorkload,
    SyncApplication,
    UndoRollout,
)
from domain.errors import InvalidPlan
from domain.plans import ApplicationPrecondition, Precondition, WorkloadPrecondition


def inverse(action: Action, before: Precondition) -> Action | None:
    """The action that puts `before` back; None where nothing is lost (a restart), or there is `no_way_back`.

    Raises `InvalidPlan` where it is not known what to put back, so that no such action is ever asked for.
    """
    match action:
        case RestartWorkload():
            return None
        case ScaleWorkload():
            return ScaleWorkload(workload=action.workload, replicas=_workload(before).replicas)
        case UndoRollout():
            revision = _workload(before).revision
            if revision is None:
                raise InvalidPlan((f"{action.workload} has no rollout revision to come back to",))
            return UndoRollout(workload=action.workload, to_revision=revision)
        case SyncApplication():
            state = _deployed(action, before)
            if no_way_back(action, before):
                return None
            return RollbackApplication(
                application=action.application, history_id=state.last_history_id, revision=state.deployed_revision
            )
        case RollbackApplication():
            return SyncApplication(application=action.application, revision=_deployed(action, before).deployed_revision)


def no_way_back(action: Action, before: Precondition) -> str:
    """Why nothing could undo `action`, as a sentence; empty where something could, or nothing is lost (a restart)."""
    if not isinstance(action, SyncApplication):
        return ""
    state = _deployed(action, before)
    if state.deployed_revision == action.revision:
        return "It cannot be undone: its revision is deployed already, and what objects have beside it is kept nowhere."
    if state.auto_sync:
        return "It cannot be undone: Argo CD rolls nothing back while auto-sync is on."
    return ""


def _workload(before: Precondition) -> WorkloadPrecondition:
    if not isinstance(before, WorkloadPrecondition):
        raise InvalidPlan(("a workload action needs a workload precondition",))
    return before


def _deployed(action: SyncApplication | RollbackApplication, before: Precondition) -> ApplicationPrecondition:
    if not isinstance(before, ApplicationPrecondition):
        raise InvalidPlan(("an application action needs an application precondition",))
    if not before.deployed_revision or before.last_history_id < 0:
        raise InvalidPlan((f"application/{action.application} has no deployed revision to come back to",))
    return before
