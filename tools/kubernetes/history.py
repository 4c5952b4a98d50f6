"""Rollout history: a Deployment's ReplicaSets, the ControllerRevisions of the other kinds."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC

from pydantic import JsonValue, TypeAdapter, ValidationError

from domain.errors import UpstreamGarbled, UpstreamRejected
from domain.inventory import RolloutRevision
from domain.model import External
from domain.objects import WorkloadRef
from tools.documents import JsonObject, object_at, objects_at, text_at
from tools.http import Params
from tools.kubernetes.kinds import CONTROLLER_REVISION, REPLICA_SET
from tools.kubernetes.workloads import REVISION, Metadata, PodTemplate, Workload

POD_TEMPLATE_HASH = "pod-template-hash"
Get = Callable[[str, Params], Awaitable[JsonValue]]
"""A GET that returns JSON."""


class _Owned(External):
    metadata: Metadata
    revision: int | None = None


_OWNED: TypeAdapter[_Owned] = TypeAdapter(_Owned)


@dataclass(frozen=True)
class StoredRevision:
    """One revision with its pod template, as it can be put back."""

    name: str
    entry: RolloutRevision
    template: JsonObject


async def stored_revisions(get: Get, ref: WorkloadRef, workload: Workload) -> tuple[StoredRevision, ...]:
    """The revisions that are kept, oldest first; none where the server does not have their kind."""
    kind = REPLICA_SET if ref.kind == "deployment" else CONTROLLER_REVISION
    try:
        document = await get(kind.path(ref.namespace), {"labelSelector": str(workload.spec.selector)})
    except UpstreamRejected as exc:
        if exc.status == 404:
            return ()
        raise
    found = (_stored(item, workload.metadata.uid) for item in objects_at(document, "items"))
    return tuple(sorted((item for item in found if item), key=lambda item: item.entry.number))


def current_revision(ref: WorkloadRef, workload: Workload, revisions: tuple[StoredRevision, ...]) -> int | None:
    """The number of the revision that the workload's template is."""
    if ref.kind == "deployment":
        annotated = workload.metadata.annotations.get(REVISION, "")
        return int(annotated) if annotated.isdecimal() else None
    if ref.kind == "statefulset":
        wanted = workload.status.update_revision
        return next((item.entry.number for item in revisions if item.name == wanted), None)
    return revisions[-1].entry.number if revisions else None


def _stored(item: JsonObject, owner_uid: str) -> StoredRevision | None:
    try:
        owned = _OWNED.validate_python(item)
        template = _template(item)
        images = PodTemplate.model_validate(template).images
    except ValidationError as exc:
        raise UpstreamGarbled("kubernetes", f"a revision that is not one: {exc.errors()[0]['msg']}") from exc
    annotated = owned.metadata.annotations.get(REVISION, "")
    number = owned.revision if owned.revision is not None else int(annotated) if annotated.isdecimal() else None
    if number is None or all(owner.uid != owner_uid for owner in owned.metadata.owners):
        return None
    created = owned.metadata.created_at
    entry = RolloutRevision(number=number, images=images, created_at=created.astimezone(UTC) if created else None)
    return StoredRevision(text_at(item, "metadata", "name"), entry, template)


def _template(item: JsonObject) -> JsonObject:
    """The pod template without what the controllers put in: the hash label, the patch directive."""
    template = object_at(item, "spec", "template") or object_at(item, "data", "spec", "template")
    metadata = object_at(template, "metadata")
    labels = {name: value for name, value in object_at(metadata, "labels").items() if name != POD_TEMPLATE_HASH}
    kept = {key: value for key, value in template.items() if key != "$patch"}
    return {**kept, "metadata": {**metadata, "labels": labels}}
