"""What differs between two JSON documents, as a unified diff of YAML."""

import difflib

import yaml
from pydantic import JsonValue


def unified(before: JsonValue, after: JsonValue, *, labels: tuple[str, str] = ("before", "after")) -> str:
    """A unified diff with three lines of context; empty if the documents are equal. None stands for no document."""
    lines = difflib.unified_diff(_lines(before), _lines(after), *labels, lineterm="")
    return "\n".join(lines)


def capped(diff: str, limit: int) -> str:
    """At most `limit` characters of a diff, whole lines, with a last line that says how many are missing."""
    if len(diff) <= limit:
        return diff
    kept = diff[: limit - 40].splitlines()[:-1]
    return "\n".join([*kept, f"… {len(diff.splitlines()) - len(kept)} more lines"])


def _lines(document: JsonValue) -> list[str]:
    if document is None:
        return []
    return yaml.safe_dump(document, sort_keys=True, allow_unicode=True, width=1000).splitlines()
