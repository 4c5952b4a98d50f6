"""YAML manifests as JSON objects."""

from typing import cast

import yaml
from pydantic import JsonValue

from tools.documents import JsonObject

_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parsed(text: str) -> tuple[JsonObject, ...]:
    """The documents that are objects; none at all where the text is not YAML."""
    try:
        documents = cast("list[object]", list(yaml.load_all(text, Loader=_LOADER)))
    except yaml.YAMLError:
        return ()
    plain = (_json(item) for item in documents)
    return tuple(item for item in plain if isinstance(item, dict))


def _json(value: object) -> JsonValue:
    """YAML reads bare dates as dates and allows any key; in a manifest both are strings."""
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in cast("dict[object, object]", value).items()}
    if isinstance(value, list):
        return [_json(item) for item in cast("list[object]", value)]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
