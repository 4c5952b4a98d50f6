"""Ways through JSON documents whose shape is another system's affair."""

from typing import cast

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]


def as_object(value: JsonValue) -> JsonObject:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def child(document: JsonValue, *path: str) -> JsonValue:
    """What is at `path` (keys of nested objects), or None."""
    for key in path:
        document = as_object(document).get(key)
    return document


def object_at(document: JsonValue, *path: str) -> JsonObject:
    """The object at `path`, or an empty one."""
    return as_object(child(document, *path))


def objects_at(document: JsonValue, *path: str) -> tuple[JsonObject, ...]:
    """The objects of the list at `path`; other items are left out."""
    found = child(document, *path)
    return tuple(item for item in found if isinstance(item, dict)) if isinstance(found, list) else ()


def text_at(document: JsonValue, *path: str) -> str:
    """The string at `path`, or an empty one."""
    found = child(document, *path)
    return found if isinstance(found, str) else ""


def strings_at(document: JsonValue, *path: str) -> dict[str, str]:
    """The object at `path` with its string values only: labels, annotations."""
    return {key: value for key, value in object_at(document, *path).items() if isinstance(value, str)}


def json_value(value: object) -> JsonValue:
    """`value`, known to come from a JSON parser, as its type."""
    return cast("JsonValue", value)
