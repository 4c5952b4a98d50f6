"""The last look before a recording is written: everything redacted once more, and what is encoded looked into."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from pydantic import JsonValue

from domain.redaction import REDACTED, redact, redact_object
from evals.exposition import exposition, samples
from evals.recordings import Recording
from tools.documents import JsonObject

_ENCODED = re.compile(r"(?<![\w+/=-])(?:[A-Za-z0-9+/]{16,}|[A-Za-z0-9_-]{16,})={0,2}(?![\w+/=-])")


def scrubbed(recording: Recording) -> Recording:
    """The recording without any secret that can be told from its shape, its name, or its place."""
    return replace(
        recording,
        header=_object(recording.header),
        webhook=_object(recording.webhook),
        items=tuple(map(_object, recording.items)),
        logs={name: _text(text) for name, text in recording.logs.items()},
        manifests={name: _text(text) for name, text in recording.manifests.items()},
        metrics=_metrics(recording.metrics),
        active_alerts=tuple(map(_object, recording.active_alerts)),
        extra={name: _document(content) for name, content in recording.extra.items()},
    )


def _object(value: JsonObject) -> JsonObject:
    return cast("JsonObject", _each_text(redact_object(value), _decoded))


def _document(content: bytes) -> bytes:
    return json.dumps(_each_text(redact_object(json.loads(content)), _decoded), ensure_ascii=False).encode()


def _metrics(text: str) -> str:
    """Label values only: what a label is called names no secret."""
    clean = (item._replace(labels=tuple((name, _text(value)) for name, value in item.labels)) for item in samples(text))
    return exposition(clean)


def _text(text: str) -> str:
    return _decoded(redact(text))


def _decoded(text: str) -> str:
    """`text` without runs of base64 that hold a secret."""
    return _ENCODED.sub(lambda found: REDACTED if _hides_a_secret(found[0]) else found[0], text)


def _hides_a_secret(encoded: str) -> bool:
    padded = encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4)
    try:
        inner = base64.b64decode(padded.translate(str.maketrans("-_", "+/")), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return inner.isprintable() and (redact(inner) != inner or _names_a_user(inner))


def _names_a_user(text: str) -> bool:
    """Basic authentication: a name, a colon, and something without spaces."""
    name, colon, rest = text.partition(":")
    return bool(colon and rest) and re.fullmatch(r"[\w.@-]+", name) is not None and " " not in rest


def _each_text(value: JsonValue, change: Callable[[str], str]) -> JsonValue:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_each_text(item, change) for item in value]
    return {key: _each_text(item, change) for key, item in value.items()} if isinstance(value, dict) else value
