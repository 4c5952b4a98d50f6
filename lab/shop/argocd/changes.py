"""The requests that change an application: sync, rollback, terminate, patch."""

from typing import TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from lab.shop.argocd.applications import Application, Applications
from lab.shop.argocd.errors import FailedPreconditionError, InvalidArgumentError
from lab.shop.argocd.git import UnknownRevisionError
from lab.shop.argocd.models import Initiator, Model, Operation, Spec, SyncOperation
from lab.shop.argocd.operations import NothingToTerminateError, OperationInProgressError, Operations
from lab.shop.argocd.requests import PatchRequest, RollbackRequest, SyncRequest
from lab.shop.cluster.errors import InvalidError
from lab.shop.cluster.objects import Manifest, section
from lab.shop.cluster.patches import JsonPatchOperation, json_patch, merge_patch

_JSON_PATCH = TypeAdapter(list[JsonPatchOperation])
_MERGE_PATCH: TypeAdapter[Manifest] = TypeAdapter(dict[str, JsonValue])
BodyT = TypeVar("BodyT", bound=Model)


class Changes:
    """Carries out what a request asks, or refuses as Argo CD does."""

    def __init__(self, applications: Applications, operations: Operations):
        self._applications = applications
        self._operations = operations

    def sync(self, application: Application, content: bytes, user: str) -> None:
        """`POST …/sync`."""
        body = _parsed(SyncRequest, content)
        target = application.spec.source.target_revision
        if application.spec.automated and not body.dry_run and body.revision not in {None, "", target}:
            raise FailedPreconditionError(f"Cannot sync to {body.revision}: auto-sync currently set to {target}")
        try:
            commit = self._applications.repository(application).resolve(body.revision or target)
        except UnknownRevisionError as exc:
            raise FailedPreconditionError(f"error resolving repo revision: {exc}") from exc
        operation = SyncOperation(
            revision=commit.revision,
            prune=body.prune or None,
            dry_run=body.dry_run or None,
            resources=body.resources,
        )
        self._request(application, Operation(sync=operation, initiated_by=Initiator(username=user), info=body.infos))

    def rollback(self, application: Application, content: bytes, user: str) -> None:
        """`POST …/rollback`: a sync to a revision out of the history."""
        body = _parsed(RollbackRequest, content)
        if application.spec.automated:
            raise FailedPreconditionError("rollback cannot be initiated when auto-sync is enabled")
        entry = next((each for each in application.history if each.id == body.id), None)
        if entry is None:
            raise InvalidArgumentError(f"application {application.name} does not have deployment with id {body.id}")
        operation = SyncOperation(revision=entry.revision, prune=body.prune or None, dry_run=body.dry_run or None)
        self._request(application, Operation(sync=operation, initiated_by=Initiator(username=user)))

    def _request(self, application: Application, operation: Operation) -> None:
        try:
            self._operations.request(application, operation)
        except OperationInProgressError as exc:
            raise FailedPreconditionError(str(exc)) from exc

    def terminate(self, application: Application) -> None:
        """`DELETE …/operation`."""
        try:
            self._operations.terminate(application)
        except NothingToTerminateError as exc:
            raise InvalidArgumentError(str(exc)) from exc

    def patch(self, application: Application, content: bytes) -> None:
        """`PATCH`: changes the spec; where manifests come from and go to stays."""
        body = _parsed(PatchRequest, content)
        before: Manifest = {"spec": application.spec.model_dump(mode="json", by_alias=True, exclude_none=True)}
        try:
            after = Spec.model_validate(section(_patched(before, body), "spec"))
        except (ValidationError, InvalidError) as exc:
            raise InvalidArgumentError(f"application spec for {application.name} is invalid: {exc}") from exc
        kept = (application.spec.source.repo_url, application.spec.destination, application.spec.project)
        if (after.source.repo_url, after.destination, after.project) != kept:
            raise InvalidArgumentError(
                f"application spec for {application.name} is invalid: InvalidSpecError: "
                f"the repository, destination and project of this application are fixed"
            )
        if after != application.spec:
            application.spec = after
            application.generation += 1


def asks_for_dry_run(content: bytes) -> bool:
    """Whether a sync or rollback is a dry run."""
    try:
        return RollbackRequest.model_validate_json(content or b"{}").dry_run
    except ValidationError:
        return False


def _parsed(model: type[BodyT], content: bytes) -> BodyT:
    try:
        return model.model_validate_json(content or b"{}")
    except ValidationError as exc:
        first = exc.errors()[0]
        raise InvalidArgumentError(f"invalid value for {first['loc']}: {first['msg']}") from exc


def _patched(document: Manifest, body: PatchRequest) -> Manifest:
    try:
        if body.patch_type == "json":
            return json_patch(document, _JSON_PATCH.validate_json(body.patch))
        if body.patch_type == "merge":
            merged = merge_patch(document, _MERGE_PATCH.validate_json(body.patch))
            return merged if isinstance(merged, dict) else {}
    except ValidationError as exc:
        raise InvalidArgumentError(f"error decoding patch: {exc.errors()[0]['msg']}") from exc
    raise InvalidArgumentError(f"Patch type '{body.patch_type}' is not supported")
