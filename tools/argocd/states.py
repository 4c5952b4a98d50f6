"""From the shapes of Argo CD's API to what readers, plans and writers know of an application."""

from domain.inventory import ApplicationEntry, Deployed
from domain.plans import ApplicationPrecondition
from tools.argocd.models import ApplicationState, OperationState, ResourceState, TreeNode
from tools.argocd.wire import Application, Health, RawNode, RawOperationState


def precondition_of(app: Application) -> ApplicationPrecondition:
    """What must still hold when an action on this application is applied."""
    return ApplicationPrecondition(
        uid=app.metadata.uid,
        deployed_revision=app.deployed_revision,
        last_history_id=app.last_history_id,
        target_revision=app.target_revision,
        auto_sync=app.auto_sync,
    )


def state_of(app: Application) -> ApplicationState:
    """The application as readers see it."""
    operation = operation_of(app)
    automated = app.spec.sync_policy.automated
    resources = _resources(app)
    return ApplicationState(
        entry=ApplicationEntry(
            name=app.metadata.name,
            namespace=app.spec.destination.namespace,
            namespaces=tuple(sorted({item.namespace for item in resources if item.namespace})),
            sync_status=app.status.sync.status,
            health=app.status.health.status or "Unknown",
            target_revision=app.target_revision,
            target_commit=app.target_commit,
            history=tuple(
                Deployed(history_id=entry.id, revision=entry.deployed, deployed_at=entry.deployed_at)
                for entry in app.history
            ),
            auto_sync=app.auto_sync,
            self_heal=app.auto_sync and automated is not None and automated.self_heal,
        ),
        precondition=precondition_of(app),
        operation_phase=operation.phase,
        operation_message=operation.message,
        images=app.status.summary.images or (),
        resources=resources,
        destination_namespace=app.spec.destination.namespace,
        conditions=tuple(f"{item.type}: {item.message}" for item in app.status.conditions or ()),
    )


def operation_of(app: Application) -> OperationState:
    """The operation that was asked for, runs, or ran last."""
    ran = app.status.operation_state
    if app.operation is not None and (ran is None or not ran.running):
        asked = app.operation
        return OperationState(
            phase="Running",
            message="asked for, not begun yet",
            revision=asked.revision or None,
            started_at=None,
            finished_at=None,
            change_id=asked.change_id,
            in_progress=True,
        )
    ran = ran or RawOperationState()
    return OperationState(
        phase=ran.phase or None,
        message=ran.message,
        revision=ran.revision or None,
        started_at=ran.started_at,
        finished_at=ran.finished_at,
        change_id=ran.operation.change_id,
        in_progress=ran.running,
    )


def node_of(raw: RawNode) -> TreeNode:
    """A node of the tree."""
    parent = next(iter(raw.parents), None)
    health = raw.health or Health()
    return TreeNode(
        kind=raw.kind,
        namespace=raw.namespace or None,
        name=raw.name,
        parent=f"{parent.kind.lower()}/{parent.name}" if parent else None,
        health=health.status,
        message=health.message,
        images=raw.images,
        created_at=raw.created_at,
    )


def _resources(app: Application) -> tuple[ResourceState, ...]:
    """Tracked objects; the last sync's word on one stands in where its health has none."""
    operation = app.status.operation_state
    results = operation.sync_result.resources if operation and operation.sync_result else None
    said = {(item.kind, item.namespace, item.name): item.message for item in results or ()}
    return tuple(
        ResourceState(
            kind=item.kind,
            namespace=item.namespace or None,
            name=item.name,
            sync=item.status,
            health=item.health.status if item.health else "",
            message=(item.health.message if item.health else "")
            or said.get((item.kind, item.namespace, item.name), ""),
        )
        for item in app.status.resources or ()
    )
