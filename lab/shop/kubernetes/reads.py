"""Reading: single objects, lists in pages, and watches."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from lab.shop.cluster.errors import BadRequestError, GoneError
from lab.shop.cluster.objects import Manifest, StoredObject, items, section
from lab.shop.cluster.selectors import Matcher, field_selector, label_selector
from lab.shop.cluster.store import Change, ObjectStore
from lab.shop.kubernetes.paths import Target

WATCH_SECONDS = 1800.0
BOOKMARK_SECONDS = 10.0


class ListQuery(BaseModel):
    """The query parameters of a list or watch that the server honours; others are ignored, as the real one does."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    label_selector: str = Field(default="", alias="labelSelector")
    field_selector: str = Field(default="", alias="fieldSelector")
    limit: int = Field(default=0, ge=0)
    continue_: str = Field(default="", alias="continue")
    watch: bool = False
    resource_version: str = Field(default="", alias="resourceVersion")
    timeout_seconds: float = Field(default=WATCH_SECONDS, alias="timeoutSeconds")
    bookmarks: bool = Field(default=False, alias="allowWatchBookmarks")
    send_initial_events: bool = Field(default=False, alias="sendInitialEvents")

    @classmethod
    def parse(cls, parameters: dict[str, str]) -> "ListQuery":
        """Read the parameters. Raises `BadRequestError`."""
        try:
            return cls.model_validate(parameters)
        except ValidationError as exc:
            first = exc.errors()[0]
            raise BadRequestError(f"invalid value for {first['loc'][0]}: {first['msg']}") from exc


def list_objects(store: ObjectStore, target: Target, query: ListQuery) -> Manifest:
    """A list of one kind, cut into pages when `limit` says so. Raises `BadRequestError`."""
    wanted = _matcher(target, query)
    found = [stored for stored in store.objects(target.kind, target.namespace) if wanted(stored)]
    after = _decoded(query.continue_)
    rest = [stored for stored in found if (stored.namespace, stored.name) > after]
    page = rest[: query.limit] if query.limit else rest
    metadata: Manifest = {"resourceVersion": str(store.version)}
    if len(page) < len(rest):
        metadata["continue"] = _encoded(page[-1])
        metadata["remainingItemCount"] = len(rest) - len(page)
    entries: list[JsonValue] = [_without_type(stored.manifest) for stored in page]
    head: Manifest = {"kind": f"{target.kind.name}List", "apiVersion": target.kind.api_version}
    return {**head, "metadata": metadata, "items": entries}


def names_only(listed: Manifest) -> Manifest:
    """A list as `PartialObjectMetadataList`: what those get who ask for no more than metadata."""
    version = "meta.k8s.io/v1"
    entries: list[JsonValue] = [{"metadata": section(entry, "metadata")} for entry in items(listed, "items")]
    return {**listed, "kind": "PartialObjectMetadataList", "apiVersion": version, "items": entries}


def _without_type(manifest: Manifest) -> Manifest:
    # The real server leaves the type out of a typed list's items.
    return {key: value for key, value in manifest.items() if key not in {"apiVersion", "kind"}}


def _matcher(target: Target, query: ListQuery) -> Matcher:
    labels, fields = label_selector(query.label_selector), field_selector(query.field_selector, target.kind.plural)
    return lambda stored: (
        (not target.namespace or stored.namespace == target.namespace)
        and (not target.name or stored.name == target.name)
        and labels(stored.labels)
        and fields(stored)
    )


def _encoded(last: StoredObject) -> str:
    return base64.urlsafe_b64encode(json.dumps([last.namespace, last.name]).encode()).decode()


def _decoded(token: str) -> tuple[str, str]:
    if not token:
        return "", ""
    try:
        namespace, name = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError) as exc:
        raise BadRequestError("continue key is not valid") from exc
    return str(namespace), str(name)


async def watch_objects(store: ObjectStore, target: Target, query: ListQuery) -> AsyncIterator[bytes]:
    """The watch stream, a JSON line an event; ends after `timeoutSeconds`, or with an error for too old a version."""
    try:
        async for line in _events(store, target, query):
            yield line
    except GoneError as exc:
        yield _line("ERROR", exc.status())


async def _events(store: ObjectStore, target: Target, query: ListQuery) -> AsyncIterator[bytes]:
    wanted = _matcher(target, query)
    known: set[str] = set()
    since = int(query.resource_version) if query.resource_version.isdigit() else 0
    if since == 0 or query.send_initial_events:
        since = store.version
        for stored in store.objects(target.kind, target.namespace):
            if wanted(stored):
                known.add(stored.uid)
                yield _line("ADDED", stored.manifest)
        if query.send_initial_events:
            yield _bookmark(target, since, {"k8s.io/initial-events-end": "true"})
    else:
        known = {stored.uid for stored in store.objects(target.kind, target.namespace) if wanted(stored)}
    deadline = asyncio.get_running_loop().time() + query.timeout_seconds
    with store.watch(since) as changes:
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            try:
                change = await asyncio.wait_for(changes.get(), min(left, BOOKMARK_SECONDS))
            except TimeoutError:
                if query.bookmarks:
                    yield _bookmark(target, store.version, {})
                continue
            if change.object.kind is target.kind and (event := _event(change, wanted, known)):
                yield _line(event, change.object.manifest)


def _event(change: Change, wanted: Matcher, known: set[str]) -> str:
    """The event as this watch sees it: an object that stops matching is deleted, one that starts is added."""
    uid = change.object.uid
    if change.type == "DELETED" or not wanted(change.object):
        if uid not in known:
            return ""
        known.discard(uid)
        return "DELETED"
    event = "MODIFIED" if uid in known else "ADDED"
    known.add(uid)
    return event


def _line(event: str, manifest: Manifest) -> bytes:
    return json.dumps({"type": event, "object": manifest}).encode() + b"\n"


def _bookmark(target: Target, version: int, annotations: dict[str, str]) -> bytes:
    metadata: Manifest = {"resourceVersion": str(version), "annotations": {**annotations}}
    return _line("BOOKMARK", {"kind": target.kind.name, "apiVersion": target.kind.api_version, "metadata": metadata})
