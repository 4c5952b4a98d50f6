"""What all commands print with: one console, JSON on request, times with their zone."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from pydantic import JsonValue
from rich.console import Console
from rich.markup import escape

JsonObject = dict[str, JsonValue]
NONE = "-"

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def fail(message: str) -> None:
    """Say on standard error what went wrong."""
    for line in message.splitlines() or [message]:
        errors.print(f"[red]error:[/] {escape(line)}", soft_wrap=True)


def print_json(value: JsonValue | Sequence[JsonObject]) -> None:
    """The value for another program."""
    console.print(json.dumps(value, indent=2, ensure_ascii=False), markup=False, soft_wrap=True)


def an_object(value: JsonValue) -> JsonObject:
    """An object inside an answer of the API."""
    return cast("JsonObject", value)


def objects(value: JsonValue) -> list[JsonObject]:
    """A list of objects inside an answer of the API."""
    return cast("list[JsonObject]", value)


def joined(value: JsonValue, separator: str = ", ") -> str:
    """A list of words inside an answer of the API, on one line."""
    return separator.join(cast("list[str]", value))


def local_time(value: JsonValue) -> str:
    """A timestamp of the API in the reader's zone, which it names."""
    if not value:
        return NONE
    return datetime.fromisoformat(str(value)).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
