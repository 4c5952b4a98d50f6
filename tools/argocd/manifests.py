"""Manifests that Argo CD keeps as JSON in strings: parsed, redacted, compared."""

import hmac
import json
import re
import secrets
from collections.abc import Iterable

from pydantic import JsonValue

from domain.errors import UpstreamGarbled
from domain.redaction import REDACTED, redact_object
from tools.argocd.models import ResourceDiff
from tools.argocd.wire import ManagedResource
from tools.differences import unified
from tools.documents import JsonObject, as_object, child, json_value, object_at, strings_at, text_at

_ADDRESS_NAME = re.compile(r"(?:HOST(?:NAME)?|PORT|ADDR(?:ESS)?|ENDPOINT)\Z", re.IGNORECASE)
_ADDRESS = re.compile(r"\d{1,5}|[a-z0-9]+(?:[.-][a-z0-9]+)*(?::\d{1,5})?")
"""A port number, or a host name in lower case, with a port or without."""
_KEY = secrets.token_bytes(32)
"""Of this process alone: equal values of Secrets get equal marks, and no mark can be tried against guesses."""


def manifest(text: str) -> JsonObject | None:
    """One object without secrets; None for an empty string or `null`. Raises `UpstreamGarbled`."""
    if not text:
        return None
    try:
        document = json_value(json.loads(text))
    except (ValueError, RecursionError) as exc:
        raise UpstreamGarbled("argocd", f"a manifest that is not JSON: {exc}") from exc
    clean = redact_object(document)
    return {**clean, **_comparable_data(document, clean)} if isinstance(clean, dict) else None


def clean_manifests(answer: JsonValue) -> JsonValue:
    """An answer with rendered manifests, each as `manifest` gives it. Raises `UpstreamGarbled`."""
    rest = {key: value for key, value in as_object(answer).items() if key != "manifests"}
    texts = child(answer, "manifests")
    found = [manifest(text) for text in texts if isinstance(text, str)] if isinstance(texts, list) else []
    return {**as_object(redact_object(rest)), "manifests": [json.dumps(item) for item in found if item]}


def _comparable_data(document: JsonValue, clean: JsonObject) -> JsonObject:
    """The plain data of a Secret in Git: hosts and ports, for where a client connects to is no secret, and marks that
    tell which of the other values are equal."""
    if clean.get("kind") != "Secret" or "stringData" not in clean:
        return {}
    plain = strings_at(document, "stringData")
    known = {name: value if _is_address(name, value) else _mark(value) for name, value in plain.items() if value}
    return {"stringData": {**object_at(clean, "stringData"), **known}}


def _is_address(name: str, value: str) -> bool:
    return bool(_ADDRESS_NAME.search(name) and _ADDRESS.fullmatch(value))


def _mark(value: str) -> str:
    return f"{REDACTED[:-1]} {hmac.digest(_KEY, value.encode(), 'sha256').hex()[:8]}]"


def pending(resource: ManagedResource) -> ResourceDiff | None:
    """What a sync would change on one object; None if nothing."""
    live = manifest(resource.normalized_live_state or resource.live_state)
    target = manifest(resource.predicted_live_state or resource.target_state)
    diff = unified(_comparable(live), _comparable(target), labels=("live", "target"))
    if not diff or resource.hook:
        return None
    return ResourceDiff(kind=resource.kind, namespace=resource.namespace or None, name=resource.name, diff=diff)


def changes(before: Iterable[JsonObject], after: Iterable[JsonObject], labels: tuple[str, str]) -> tuple[str, str, int]:
    """What differs between two sets of manifests: one unified diff, the objects in words, and how many they are."""
    old, new = ({_name(item): item for item in items} for items in (before, after))
    parts: list[str] = []
    touched: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        diff = unified(_comparable(old.get(name)), _comparable(new.get(name)), labels=labels)
        if diff:
            parts.append(f"# {name}\n{diff}")
            touched.append(name)
    return "\n".join(parts), ", ".join(touched), len(touched)


def _name(item: JsonObject) -> str:
    return f"{text_at(item, 'kind').lower()}/{text_at(item, 'metadata', 'name')}"


def _comparable(item: JsonObject | None) -> JsonObject | None:
    """Without status and the server's own metadata, which no sync changes."""
    if item is None:
        return None
    server_side = {"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink"}
    metadata = {key: value for key, value in object_at(item, "metadata").items() if key not in server_side}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}
