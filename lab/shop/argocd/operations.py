"""Operations: a sync is requested, runs for a second or so, and leaves its result and a history entry."""

from datetime import timedelta

from lab.shop.apply import apply
from lab.shop.argocd.applications import NAMESPACE, Application, Applications
from lab.shop.argocd.git import Commit
from lab.shop.argocd.models import (
    HistoryEntry,
    Initiator,
    Operation,
    OperationState,
    ResourceResult,
    SyncOperation,
    SyncResult,
)
from lab.shop.clock import Clock
from lab.shop.cluster.errors import StatusError
from lab.shop.cluster.events import EventRecorder
from lab.shop.cluster.objects import Manifest, section, text, timestamp
from lab.shop.cluster.store import ObjectStore

# A sync starts to apply after the first of these and is done after the second, in seconds.
APPLY_AFTER = 0.4
DONE_AFTER = 1.2
COMPONENT = "argocd-application-controller"
HISTORY_LIMIT = 10


class OperationInProgressError(Exception):
    """An application takes one operation at a time."""


class NothingToTerminateError(Exception):
    """No operation is in progress."""


class Operations:
    """Carries out what was requested of the applications, and syncs the automatic ones."""

    def __init__(self, applications: Applications, store: ObjectStore, events: EventRecorder, clock: Clock):
        self._applications = applications
        self._store = store
        self._events = events
        self._clock = clock

    def request(self, application: Application, operation: Operation) -> None:
        """Ask for a sync to `operation.sync.revision`, a full commit id. Raises `OperationInProgressError`."""
        if application.requested:
            raise OperationInProgressError("another operation is already in progress")
        now = self._clock.now()
        application.requested, application.requested_at = operation, now
        application.operation_state = OperationState(operation=operation, phase="Running", started_at=timestamp(now))
        application.attempted = operation.sync.revision or ""
        who = operation.initiated_by.username or "automated sync policy"
        what = f"{who} initiated sync to {application.attempted[:7]}"
        self._event(application, "Normal", "OperationStarted", what)

    def terminate(self, application: Application) -> None:
        """Stop the running operation. Raises `NothingToTerminateError`."""
        if application.requested is None or application.operation_state is None:
            raise NothingToTerminateError("Unable to terminate operation. No operation is in progress")
        self._finish(application, "Failed", "Operation terminated")

    def step(self) -> None:
        """Carry every requested operation on; start the automatic ones that are due."""
        for application in self._applications.all():
            if application.requested and application.operation_state:
                self._advance(application, application.requested, application.operation_state)
            elif application.spec.automated:
                self._sync_automatically(application)

    def _advance(self, application: Application, operation: Operation, state: OperationState) -> None:
        age = self._clock.now() - application.requested_at
        if state.sync_result is None and age >= timedelta(seconds=APPLY_AFTER):
            self._apply(application, operation.sync, state)
        elif state.sync_result and age >= timedelta(seconds=DONE_AFTER):
            failed = any(each.status == "SyncFailed" for each in state.sync_result.resources)
            if failed:
                self._finish(application, "Failed", "one or more objects failed to apply")
                return
            self._finish(application, "Succeeded", "successfully synced (all tasks run)")
            if not operation.sync.dry_run and not operation.sync.resources:
                self._remember(application, operation)

    def _apply(self, application: Application, sync: SyncOperation, state: OperationState) -> None:
        commit = self._applications.repository(application).resolve(sync.revision or "HEAD")
        chosen = [manifest for manifest in commit.manifests if _chosen(manifest, sync)]
        results = [self._apply_one(manifest, dry_run=bool(sync.dry_run)) for manifest in chosen]
        result = SyncResult(revision=commit.revision, source=application.spec.source, resources=results)
        application.operation_state = state.model_copy(update={"sync_result": result})

    def _apply_one(self, manifest: Manifest, *, dry_run: bool) -> ResourceResult:
        group, _, version = text(manifest, "apiVersion").rpartition("/")
        metadata = section(manifest, "metadata")
        kind, name = text(manifest, "kind"), text(metadata, "name")
        resource = f"{kind.lower()}.{group}" if group else kind.lower()
        try:
            _, word = apply(self._store, manifest, dry_run=dry_run)
            message, failed = f"{resource}/{name} {word}{' (dry run)' if dry_run else ''}", False
        except StatusError as exc:
            message, failed = exc.message, True
        return ResourceResult(
            group=group,
            version=version,
            kind=kind,
            namespace=text(metadata, "namespace"),
            name=name,
            status="SyncFailed" if failed else "Synced",
            message=message,
        )

    def _finish(self, application: Application, phase: str, message: str) -> None:
        state = application.operation_state
        if state is None:
            return
        update = {"phase": phase, "message": message, "finished_at": timestamp(self._clock.now())}
        application.operation_state = state.model_copy(update=update)
        application.requested = None
        application.reconciled_at = self._clock.now()
        severity, verb = ("Normal", "succeeded") if phase == "Succeeded" else ("Warning", "failed")
        what = f"Sync operation to {application.attempted[:7]} {verb}: {message}"
        self._event(application, severity, "OperationCompleted", what)

    def _remember(self, application: Application, operation: Operation) -> None:
        commit = self._applications.repository(application).resolve(operation.sync.revision or "HEAD")
        entry = self._entry(application, commit, operation.initiated_by)
        application.history = [*application.history, entry][-HISTORY_LIMIT:]

    def _entry(self, application: Application, commit: Commit, initiator: Initiator) -> HistoryEntry:
        return HistoryEntry(
            id=application.history[-1].id + 1 if application.history else 0,
            revision=commit.revision,
            deployed_at=timestamp(self._clock.now()),
            deploy_started_at=timestamp(application.requested_at),
            source=application.spec.source,
            initiated_by=initiator,
        )

    def _sync_automatically(self, application: Application) -> None:
        automated = application.spec.automated
        head = self._applications.repository(application).resolve(application.spec.source.target_revision).revision
        drifted = automated is not None and automated.self_heal and application.attempted == head
        if application.attempted == head and not drifted:
            return
        if all(comparison.synced for comparison in self._applications.compare(application)):
            return
        operation = Operation(sync=SyncOperation(revision=head), initiated_by=Initiator(automated=True))
        self.request(application, operation)

    def _event(self, application: Application, severity: str, reason: str, message: str) -> None:
        involved: Manifest = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "namespace": NAMESPACE,
            "name": application.name,
            "uid": application.uid,
        }
        self._events.record(involved, severity, reason, message, COMPONENT)


def _chosen(manifest: Manifest, sync: SyncOperation) -> bool:
    if not sync.resources:
        return True
    kind, name = text(manifest, "kind"), text(section(manifest, "metadata"), "name")
    return any(resource.kind == kind and resource.name == name for resource in sync.resources)
