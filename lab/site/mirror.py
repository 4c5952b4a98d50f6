"""A live copy of the cluster's objects, kept by list and watch."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import httpx2
from lightkube.config.client_adapter import AsyncClient, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ConfigError
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from lab.process import ServerError
from lab.shop.cluster.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    ENDPOINTS,
    POD,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    Kind,
)
from lab.shop.cluster.objects import Manifest, StoredObject, section, text

MIRRORED = (POD, SERVICE, ENDPOINTS, CONFIG_MAP, SECRET, DEPLOYMENT, STATEFUL_SET)
RETRY_SECONDS = 1.0
WATCH_SECONDS = 240
"""A watch is asked for again after this long, so that one that died silently does not stay."""
_LOG = logging.getLogger(__name__)


class _Listed(BaseModel):
    model_config = ConfigDict(extra="ignore")

    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    items: list[dict[str, JsonValue]] = Field(default_factory=list[dict[str, JsonValue]])


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: str
    object: dict[str, JsonValue]


class _WatchEndedError(Exception):
    """The API server no longer knows where the watch stands; list again."""


class Mirror:
    """The newest version of every mirrored object in the namespaces that count."""

    def __init__(self, namespaces: Sequence[str]):
        self._namespaces = frozenset(namespaces)
        self._objects: dict[Kind, dict[tuple[str, str], StoredObject]] = {kind: {} for kind in MIRRORED}
        self._listed: set[Kind] = set()
        self._version = 0
        self.complete = asyncio.Event()
        """Set once every kind has been listed."""

    @property
    def version(self) -> int:
        """Goes up with every change."""
        return self._version

    def find(self, kind: Kind, name: str, namespace: str = "") -> StoredObject | None:
        """The object of that name, or None."""
        return self._objects[kind].get((namespace, name))

    def objects(self, kind: Kind, namespace: str = "") -> list[StoredObject]:
        """The objects of a kind, by namespace and name; an empty namespace means all of them."""
        found = self._objects[kind]
        return [found[key] for key in sorted(found) if not namespace or key[0] == namespace]

    def replace(self, kind: Kind, manifests: Sequence[Manifest]) -> None:
        """All objects of a kind, as a list has them."""
        stored = (StoredObject(kind, manifest) for manifest in manifests)
        self._objects[kind] = {_key(item): item for item in stored if item.namespace in self._namespaces}
        self._version += 1
        self._listed.add(kind)
        if self._listed == set(MIRRORED):
            self.complete.set()

    def change(self, kind: Kind, event: str, manifest: Manifest) -> None:
        """One event of a watch: ADDED, MODIFIED or DELETED."""
        stored = StoredObject(kind, manifest)
        if stored.namespace not in self._namespaces:
            return
        if event == "DELETED":
            self._objects[kind].pop(_key(stored), None)
        else:
            self._objects[kind][_key(stored)] = stored
        self._version += 1


def _key(stored: StoredObject) -> tuple[str, str]:
    return stored.namespace, stored.name


def connected(kubeconfig: Path) -> httpx2.AsyncClient:
    """A client of the kubeconfig's current context. Raises `ServerError` for a file that cannot be used."""
    try:
        config = KubeConfig.from_file(kubeconfig).get()
    except ConfigError as exc:
        raise ServerError(f"kubeconfig {kubeconfig}: {exc}") from exc
    if config is None:
        raise ServerError(f"kubeconfig {kubeconfig} has no current context")
    patience = httpx2.Timeout(10, read=WATCH_SECONDS + 30)
    return AsyncClient(config, ConnectionParams(timeout=patience, trust_env=False))


async def follow(mirror: Mirror, client: httpx2.AsyncClient) -> None:
    """Keep the mirror true until cancelled; an API server that is away is waited for."""
    async with asyncio.TaskGroup() as tasks:
        for kind in MIRRORED:
            tasks.create_task(_follow_kind(mirror, client, kind))


async def _follow_kind(mirror: Mirror, client: httpx2.AsyncClient, kind: Kind) -> None:
    while True:
        try:
            await _list_and_watch(mirror, client, kind)
        except (httpx2.HTTPError, ValidationError, _WatchEndedError) as exc:
            _LOG.info("%s: %s; listing again", kind.plural, str(exc)[:200] or type(exc).__name__)
            await asyncio.sleep(RETRY_SECONDS)


async def _list_and_watch(mirror: Mirror, client: httpx2.AsyncClient, kind: Kind) -> None:
    root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
    path = f"{root}/{kind.plural}"
    answer = (await client.get(path)).raise_for_status()
    listed = _Listed.model_validate_json(answer.content)
    mirror.replace(kind, listed.items)
    version = text(listed.metadata, "resourceVersion")
    while True:
        version = await _watch(mirror, client, kind, path, version)


async def _watch(mirror: Mirror, client: httpx2.AsyncClient, kind: Kind, path: str, version: str) -> str:
    """One watch to its end; returns where the next one goes on."""
    query = {
        "watch": "true",
        "resourceVersion": version,
        "allowWatchBookmarks": "true",
        "timeoutSeconds": str(WATCH_SECONDS),
    }
    async with client.stream("GET", path, params=query) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            event = _Event.model_validate_json(line)
            if event.type == "ERROR":
                raise _WatchEndedError(text(event.object, "message"))
            if event.type != "BOOKMARK":
                mirror.change(kind, event.type, event.object)
            version = text(section(event.object, "metadata"), "resourceVersion") or version
    return version
