"""What a strategic merge patch, or an apply, would make of an object.

Source: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
"""

from pydantic import JsonValue

DIRECTIVE = "$patch"


def merged(live: JsonValue, patch: JsonValue) -> JsonValue:
    """`live` with what `patch` says. Lists of named things are merged by name, others are replaced; null removes."""
    if isinstance(patch, dict):
        return _merged_object(live, patch)
    if isinstance(live, list) and isinstance(patch, list):
        named = {str(item["name"]): item for item in live if isinstance(item, dict) and "name" in item}
        return [merged(named.get(str(item.get("name"))), item) if isinstance(item, dict) else item for item in patch]
    return patch


def _merged_object(live: JsonValue, patch: dict[str, JsonValue]) -> JsonValue:
    wanted = {key: value for key, value in patch.items() if key != DIRECTIVE}
    known = live if isinstance(live, dict) and patch.get(DIRECTIVE) != "replace" else {}
    kept = {key: value for key, value in known.items() if key not in wanted}
    changed = {key: merged(known.get(key), value) for key, value in wanted.items() if value is not None}
    return {**kept, **changed}
