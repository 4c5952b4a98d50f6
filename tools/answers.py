"""What a system answered, and whether it is an answer at all."""

import json
from dataclasses import dataclass
from typing import NoReturn

import httpx
from pydantic import JsonValue

from domain.errors import UpstreamGarbled, UpstreamRejected, UpstreamUnavailable
from domain.redaction import redact
from tools.documents import as_object, json_value

WORDS_LIMIT = 256
"""Characters of an upstream's own words in our messages."""


@dataclass(frozen=True)
class Answer:
    """Status, headers and the whole body."""

    system: str
    status: int
    headers: httpx.Headers
    body: bytes


def as_json(answer: Answer) -> JsonValue:
    """The body as JSON (RFC 8259: no NaN). Raises `UpstreamGarbled`."""
    try:
        value = json.loads(answer.body, parse_constant=_no_constant)
        return json_value(_without_surrogates(value) if b"\\ud" in answer.body.lower() else value)
    except (ValueError, RecursionError) as exc:
        what = "HTML" if _looks_like_html(answer) else "something that is not JSON"
        raise UpstreamGarbled(answer.system, f"answered {what} ({_begins(answer)}): {exc}") from exc


def _without_surrogates(value: object) -> object:
    """JSON may escape half a character (`\\ud800`), which no encoding can write: it becomes a question mark."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def refuse_failure(answer: Answer) -> None:
    """Raise what a status other than 2xx means."""
    status = answer.status
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        where = answer.headers.get("location", "nowhere")
        raise UpstreamRejected(answer.system, f"HTTP {status}, a redirect to {where[:WORDS_LIMIT]}", status)
    message = f"HTTP {status}: {_own_words(answer)}"
    if status >= 500 or status == 429:
        raise UpstreamUnavailable(answer.system, message)
    raise UpstreamRejected(answer.system, message, status)


def _own_words(answer: Answer) -> str:
    """Prometheus says `error`, Kubernetes and Argo CD `message`; others answer with a line of text."""
    try:
        document = as_object(as_json(answer))
    except UpstreamGarbled:
        return _begins(answer)
    words = next((text for key in ("message", "error") if isinstance(text := document.get(key), str) and text), None)
    return redact(words)[:WORDS_LIMIT] if words else _begins(answer)


def _begins(answer: Answer) -> str:
    start = answer.body[: 4 * WORDS_LIMIT].decode("utf-8", "replace")
    return redact(" ".join(start.split()))[:WORDS_LIMIT] or "an empty body"


def _looks_like_html(answer: Answer) -> bool:
    start = answer.body[:WORDS_LIMIT].lstrip().lower()
    return "html" in answer.headers.get("content-type", "") or start.startswith((b"<!doctype", b"<html"))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
