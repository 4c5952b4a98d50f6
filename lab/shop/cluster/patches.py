"""The three patch types an API server takes; each returns a new document and leaves the old one alone."""

import copy

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from lab.shop.cluster.errors import InvalidError
from lab.shop.cluster.objects import Manifest

# Lists that strategic merge joins by key, by the field that holds them (`patchMergeKey` in the Kubernetes API types).
# `ports` is keyed by whichever of the two its entries have: containers and Services differ.
_MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}


class JsonPatchOperation(BaseModel):
    """One operation of RFC 6902."""

    model_config = ConfigDict(frozen=True)

    op: str
    path: str
    value: JsonValue = None
    source: str = Field(default="", alias="from")


def merge_patch(document: JsonValue, patch: JsonValue) -> JsonValue:
    """RFC 7386: mappings merge, null deletes, all else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(document: Manifest, operations: list[JsonPatchOperation]) -> Manifest:
    """RFC 6902. Raises `InvalidError` when a path does not exist or a `test` fails, as the API server does."""
    root: Manifest = {"": copy.deepcopy(document)}
    for operation in operations:
        _apply(root, operation)
    result = root[""]
    if not isinstance(result, dict):
        raise InvalidError("the patched document is not an object")
    return result


def _apply(root: Manifest, operation: JsonPatchOperation) -> None:
    value = operation.value
    match operation.op:
        case "add" | "replace" | "remove":
            pass
        case "test":
            if _read(root, operation.path) != value:
                raise InvalidError(f"testing value {operation.path} failed: test failed")
            return
        case "copy" | "move":
            value = copy.deepcopy(_read(root, operation.source))
            if operation.op == "move":
                _remove(root, operation.source)
        case other:
            raise InvalidError(f"Unexpected kind: {other}")
    if operation.op in {"remove", "replace"}:
        _remove(root, operation.path)
    if operation.op != "remove":
        _add(root, operation.path, value)


def _tokens(path: str) -> list[str]:
    # The extra first token leads from the wrapper to the document, so that "" can be replaced like any other place.
    return [token.replace("~1", "/").replace("~0", "~") for token in path.split("/")]


def _parent(root: Manifest, path: str) -> tuple[JsonValue, str]:
    *parents, leaf = _tokens(path)
    current: JsonValue = root
    for token in parents:
        current = _step(current, token, path)
    return current, leaf


def _step(current: JsonValue, token: str, path: str) -> JsonValue:
    if isinstance(current, dict) and token in current:
        return current[token]
    if isinstance(current, list) and token.isdigit() and int(token) < len(current):
        return current[int(token)]
    raise InvalidError(f"the server rejected our request due to an error in our request: path {path} does not exist")


def _read(root: Manifest, path: str) -> JsonValue:
    parent, leaf = _parent(root, path)
    return _step(parent, leaf, path)


def _remove(root: Manifest, path: str) -> None:
    parent, leaf = _parent(root, path)
    _step(parent, leaf, path)
    if isinstance(parent, dict):
        del parent[leaf]
    elif isinstance(parent, list):
        del parent[int(leaf)]


def _add(root: Manifest, path: str, value: JsonValue) -> None:
    parent, leaf = _parent(root, path)
    if isinstance(parent, dict):
        parent[leaf] = value
    elif isinstance(parent, list) and leaf == "-":
        parent.append(value)
    elif isinstance(parent, list) and leaf.isdigit() and int(leaf) <= len(parent):
        parent.insert(int(leaf), value)
    else:
        raise InvalidError(f"the server rejected our request due to an error in our request: add to {path}")


def strategic_merge(document: Manifest, patch: Manifest) -> Manifest:
    """A strategic merge patch: like a merge patch, but lists of named things merge entry by entry.

    Honours `$patch: replace|delete`, `$retainKeys` and `$deleteFromPrimitiveList/…`; `$setElementOrder/…` only
    orders entries and is dropped. Source:
    https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
    """
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    retained = patch.get("$retainKeys")
    merged = {key: value for key, value in document.items() if not isinstance(retained, list) or key in retained}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            _drop_primitives(merged, key.removeprefix("$deleteFromPrimitiveList/"), value)
        elif not key.startswith("$"):
            _merge_field(merged, key, value)
    return merged


def _drop_primitives(merged: Manifest, field: str, dropped: JsonValue) -> None:
    kept = merged.get(field)
    if isinstance(kept, list) and isinstance(dropped, list):
        merged[field] = [entry for entry in kept if entry not in dropped]


def _merge_field(merged: Manifest, key: str, value: JsonValue) -> None:
    current = merged.get(key)
    if value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
        merged.pop(key, None)
    elif isinstance(value, dict):
        merged[key] = strategic_merge(current if isinstance(current, dict) else {}, value)
    elif isinstance(value, list) and key in _MERGE_KEYS:
        merged[key] = _merge_list(current if isinstance(current, list) else [], value, _MERGE_KEYS[key])
    else:
        merged[key] = copy.deepcopy(value)


def _merge_list(current: list[JsonValue], patch: list[JsonValue], keys: tuple[str, ...]) -> list[JsonValue]:
    entries = [entry for entry in patch if isinstance(entry, dict)]
    if any(set(entry) == {"$patch"} and entry["$patch"] == "replace" for entry in entries):
        return [copy.deepcopy(entry) for entry in entries if "$patch" not in entry]
    merged = list(current)
    for entry in entries:
        _merge_entry(merged, entry, keys)
    return merged


def _merge_entry(merged: list[JsonValue], entry: Manifest, keys: tuple[str, ...]) -> None:
    key = next((name for name in keys if name in entry), None)
    if key is None:
        raise InvalidError(f"map: {entry} does not contain declared merge key: {keys[0]}")
    index = next((i for i, old in enumerate(merged) if isinstance(old, dict) and old.get(key) == entry[key]), None)
    if entry.get("$patch") == "delete":
        if index is not None:
            del merged[index]
    elif index is None:
        merged.append(strategic_merge({}, entry))
    else:
        old = merged[index]
        merged[index] = strategic_merge(old if isinstance(old, dict) else {}, entry)
