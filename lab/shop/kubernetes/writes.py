"""Writing: create, replace, patch, scale, delete; each can be a dry run."""

import json
from dataclasses import dataclass

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from lab.shop.cluster.errors import (
    BadRequestError,
    ConflictError,
    InvalidError,
    MethodNotAllowedError,
    UnsupportedMediaTypeError,
)
from lab.shop.cluster.kinds import POD
from lab.shop.cluster.objects import Manifest, StoredObject, number, section, strings, text
from lab.shop.cluster.patches import JsonPatchOperation, json_patch, merge_patch, strategic_merge
from lab.shop.cluster.store import ObjectStore
from lab.shop.kubernetes.paths import Target

_OPERATIONS = TypeAdapter(list[JsonPatchOperation])
_DOCUMENT: TypeAdapter[Manifest] = TypeAdapter(dict[str, JsonValue])
_PATCH_TYPES = ("application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json")


@dataclass(frozen=True)
class Body:
    """A request's body and its media type."""

    content: bytes
    media_type: str

    def document(self) -> Manifest:
        """The body as an object, from JSON or YAML. Raises `BadRequestError` or `UnsupportedMediaTypeError`."""
        if "json" not in self.media_type and "yaml" not in self.media_type:
            accepted = "application/json, application/yaml"
            raise UnsupportedMediaTypeError(f"the body of the request was in an unknown format - accepted: {accepted}")
        try:
            if "yaml" in self.media_type:
                return _DOCUMENT.validate_python(yaml.safe_load(self.content))
            return _DOCUMENT.validate_json(self.content)
        except (ValidationError, yaml.YAMLError) as exc:
            raise BadRequestError("the object provided is unrecognized (must be of type JSON object)") from exc

    def operations(self) -> list[JsonPatchOperation]:
        """The body as an RFC 6902 patch. Raises `BadRequestError`."""
        try:
            return _OPERATIONS.validate_json(self.content)
        except ValidationError as exc:
            raise BadRequestError(f"error decoding patch: {exc.errors()[0]['msg']}") from exc


class Preconditions(BaseModel):
    """`metav1.Preconditions`."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)

    uid: str = ""
    resource_version: str = ""


class DeleteOptions(BaseModel):
    """`metav1.DeleteOptions`; dependants are always collected in the background."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)

    grace_period_seconds: int | None = None
    preconditions: Preconditions = Preconditions()
    dry_run: list[str] = Field(default_factory=list)


def create_object(store: ObjectStore, target: Target, body: Body, *, dry_run: bool) -> StoredObject:
    """`POST` to a collection."""
    _require(target, "create")
    manifest = body.document()
    metadata = dict(section(manifest, "metadata"))
    if target.namespace and metadata.setdefault("namespace", target.namespace) != target.namespace:
        raise BadRequestError("the namespace of the provided object does not match the namespace sent on the request")
    return store.create(target.kind, {**manifest, "metadata": metadata}, dry_run=dry_run)


def replace_object(store: ObjectStore, target: Target, body: Body, *, dry_run: bool) -> StoredObject:
    """`PUT` of an object or of its scale."""
    _require(target, "update")
    before = store.get(target.kind, target.name, target.namespace)
    manifest = body.document()
    if target.subresource == "scale":
        return _rescale(store, before, manifest, dry_run=dry_run)
    _require_same_name(target, manifest)
    return store.replace(before, manifest, dry_run=dry_run)


def patch_object(store: ObjectStore, target: Target, body: Body, *, dry_run: bool) -> StoredObject:
    """`PATCH` of an object or of its scale, in one of the three patch types."""
    _require(target, "patch")
    before = store.get(target.kind, target.name, target.namespace)
    if target.subresource == "scale":
        return _rescale(store, before, _patched(scale_of(before), body), dry_run=dry_run)
    manifest = _patched(before.manifest, body)
    _require_same_name(target, manifest)
    _require_same_object(before, section(manifest, "metadata"))
    return store.replace(before, manifest, dry_run=dry_run)


def _patched(document: Manifest, body: Body) -> Manifest:
    match body.media_type:
        case "application/json-patch+json":
            return json_patch(document, body.operations())
        case "application/merge-patch+json":
            merged = merge_patch(document, body.document())
            return merged if isinstance(merged, dict) else {}
        case "application/strategic-merge-patch+json":
            return strategic_merge(document, body.document())
        case _:
            raise UnsupportedMediaTypeError(
                "the body of the request was in an unknown format - accepted media types include: "
                + ", ".join(_PATCH_TYPES)
            )


def scale_of(stored: StoredObject) -> Manifest:
    """`autoscaling/v1.Scale` of a workload."""
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    labels = strings(stored.spec, "selector", "matchLabels")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: value for key, value in stored.metadata.items() if key in kept},
        "spec": {"replicas": number(stored.spec, "replicas")},
        "status": {
            "replicas": number(stored.status, "replicas"),
            "selector": ",".join(f"{key}={value}" for key, value in labels.items()),
        },
    }


def _rescale(store: ObjectStore, before: StoredObject, scale: Manifest, *, dry_run: bool) -> StoredObject:
    replicas = section(scale, "spec").get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        message = f"Invalid value: {json.dumps(replicas)}: must be greater than or equal to 0"
        raise InvalidError.field(before.kind, before.name, "spec.replicas", message)
    wanted = section(scale, "metadata")
    metadata: Manifest = {**before.metadata, "resourceVersion": wanted.get("resourceVersion"), "uid": wanted.get("uid")}
    spec: Manifest = {**before.spec, "replicas": replicas}
    return store.replace(before, {**before.manifest, "metadata": metadata, "spec": spec}, dry_run=dry_run)


def delete_object(store: ObjectStore, target: Target, body: Body, *, dry_run: bool) -> Manifest:
    """`DELETE` of an object: pods come back with their deletion time, others as a Status."""
    _require(target, "delete")
    before = store.get(target.kind, target.name, target.namespace)
    options = DeleteOptions.model_validate(body.document()) if body.content else DeleteOptions()
    wanted = options.preconditions
    if wanted.uid and wanted.uid != before.uid:
        raise ConflictError.other_uid(before.kind, before.name, wanted.uid, before.uid)
    if wanted.resource_version and wanted.resource_version != before.resource_version:
        raise ConflictError.modified(before.kind, before.name)
    dry_run = dry_run or options.dry_run == ["All"]
    if target.kind is POD:
        grace = 30 if options.grace_period_seconds is None else options.grace_period_seconds
        return before.manifest if dry_run else store.mark_deleted(before, grace).manifest
    if not dry_run:
        store.delete(before)
    details: Manifest = {"name": before.name, "group": before.kind.group, "kind": before.kind.plural, "uid": before.uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def asks_for_dry_run(parameter: str, content: bytes) -> bool:
    """Whether a request is a dry run, by its query parameter or by the options in its body."""
    try:
        options = DeleteOptions.model_validate_json(content or b"{}")
    except ValidationError:
        return parameter == "All"
    return "All" in {parameter, *options.dry_run}


def _require(target: Target, verb: str) -> None:
    if verb not in target.kind.verbs or bool(target.name) == (verb == "create"):
        raise MethodNotAllowedError("the server does not allow this method on the requested resource", target.kind)


def _require_same_name(target: Target, manifest: Manifest) -> None:
    name = text(section(manifest, "metadata"), "name")
    if name != target.name:
        raise BadRequestError(f"the name of the object ({name}) does not match the name on the URL ({target.name})")


def _require_same_object(before: StoredObject, metadata: Manifest) -> None:
    """A patch that makes it another object is invalid, unless it is out of date altogether."""
    uid = text(metadata, "uid")
    if uid != before.uid and text(metadata, "resourceVersion") == before.resource_version:
        message = f'Invalid value: "{uid}": field is immutable'
        raise InvalidError.field(before.kind, before.name, "metadata.uid", message)
