"""What all commands print with: one console, JSON on request, times with their zone."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

from pydantic import JsonValue
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from domain.characters import hidden, visible

JsonObject = dict[str, JsonValue]
NONE = "-"
LONG_TEXTS = frozenset({"diff", "answer"})
"""Fields of more than one line. All others come from outside as one line, or could be taken for several of ours."""

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def fail(message: str) -> None:
    """Say on standard error what went wrong."""
    for line in message.splitlines() or [message]:
        errors.print(f"[red]error:[/] {escape(visible(line))}", soft_wrap=True)


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A row a line, however long, below the names of its columns: for eyes, and for programs that search by line."""
    lines = [columns, *rows]
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        padded = (set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True))
        console.print(Text("  ".join(padded).rstrip(), "" if number else "bold"), soft_wrap=True)


def print_json(value: JsonValue | Sequence[JsonObject]) -> None:
    """The value for another program."""
    console.print(json_text(value), markup=False, soft_wrap=True)


def print_json_line(value: JsonObject) -> None:
    """One of a stream of values for another program, which reads them line by line."""
    console.print(json_text(value, indent=None), markup=False, soft_wrap=True)


def json_text(value: JsonValue | Sequence[JsonObject], *, indent: int | None = 2) -> str:
    """JSON in which characters that do not show, or steer a terminal, are escapes: the same value, safe to look at."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text.translate({ord(mark): _escape(mark) for mark in set(hidden(text))})


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1] if ord(character) != 0x7F else "\\u007f"


def for_people(value: JsonValue, field: str = "") -> JsonValue:
    """A value of the API as a terminal may show it: see `domain.characters`."""
    if isinstance(value, str):
        return visible(value, lines=field in LONG_TEXTS)
    if isinstance(value, dict):
        return {name: for_people(item, name) for name, item in value.items()}
    return [for_people(item, field) for item in value] if isinstance(value, list) else value


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
