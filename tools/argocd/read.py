"""Reads of Argo CD."""

import json
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from pydantic import JsonValue, TypeAdapter

from domain.errors import NotFound, UpstreamRejected
from domain.model import canonical_json
from domain.redaction import redact_object
from tools.argocd import states, wire
from tools.argocd.manifests import clean_manifests, pending
from tools.argocd.models import ApplicationState, ResourceDiff, RevisionMetadata, TreeNode
from tools.documents import JsonObject, as_object
from tools.http import Document, Endpoint, Params, Upstream
from tools.reading import Reading

T = TypeVar("T")
APPLICATIONS = "/api/v1/applications"


def path_of(application: str, *parts: str) -> str:
    """The URL path of an application, or of something below it."""
    return "/".join((APPLICATIONS, *(quote(part, safe="") for part in (application, *parts))))


def missing_as_not_found(exc: UpstreamRejected, name: str) -> None:
    """Raise `NotFound` where Argo CD says so, by 404 or, to a request that names no project, by 403."""
    if exc.status in {403, 404}:
        raise NotFound(f"application/{name} does not exist, or the token may not see it") from exc


class ArgoReader:
    """Argo CD, read only. Manifests lose their secrets before anything else sees them."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    async def application(self, name: str) -> Reading[ApplicationState]:
        """One application. Raises `NotFound`."""
        app, document = await self._ask(name, path_of(name), wire.APPLICATION)
        return await self.upstream.reading(states.state_of(app), f"application {name}", document.raw)

    async def applications(self, namespace: str | None = None) -> Reading[tuple[ApplicationState, ...]]:
        """The applications that deploy into `namespace`, or all that the token may see, by name."""
        document = await self.upstream.document(APPLICATIONS)
        items = self.upstream.parsed(wire.APPLICATIONS, document.value).items or ()
        found = (states.state_of(app) for app in items)
        kept = (state for state in found if namespace in {None, state.destination_namespace})
        value = tuple(sorted(kept, key=lambda state: state.entry.name))
        return await self.upstream.reading(value, f"applications into {namespace or '*'}", document.raw)

    async def resource_tree(self, name: str) -> Reading[tuple[TreeNode, ...]]:
        """Tracked objects and what they own, down to pods. Raises `NotFound`."""
        tree, document = await self._ask(name, path_of(name, "resource-tree"), wire.TREE)
        nodes = tuple(states.node_of(node) for node in tree.nodes or ())
        return await self.upstream.reading(nodes, f"resource tree of {name}", document.raw)

    async def diff(self, name: str) -> Reading[tuple[ResourceDiff, ...]]:
        """What a sync would change, object by object; empty when in sync. Raises `NotFound`."""
        managed, document = await self._ask(name, path_of(name, "managed-resources"), wire.MANAGED)
        diffs = tuple(diff for item in managed.items or () if (diff := pending(item)))
        return await self.upstream.reading(diffs, f"diff of {name}", document.raw)

    async def manifests(self, name: str, revision: str | None = None) -> Reading[tuple[JsonObject, ...]]:
        """What Git says at `revision` (the one it follows if None), rendered. Raises `NotFound`."""
        params = {"revision": revision} if revision else {}
        answer, _ = await self._ask(name, path_of(name, "manifests"), wire.MANIFESTS, params, clean=clean_manifests)
        found = tuple(as_object(json.loads(text)) for text in answer.manifests or ())
        query = f"manifests of {name} at {revision or answer.revision or 'its target'}"
        return await self.upstream.reading(found, query, canonical_json(list(found)))

    async def revision_metadata(self, name: str, revision: str) -> Reading[RevisionMetadata]:
        """Who committed `revision`, when and why. Raises `NotFound`."""
        raw, document = await self._ask(name, path_of(name, "revisions", revision, "metadata"), wire.REVISION)
        value = RevisionMetadata(
            revision=revision, author=raw.author, date=raw.date, message=raw.message, tags=raw.tags or ()
        )
        return await self.upstream.reading(value, f"revision {revision} of {name}", document.raw)

    async def ready(self) -> None:
        """Return if its API answers and takes our token."""
        await known(self.upstream)

    async def _ask(
        self,
        name: str,
        path: str,
        shape: TypeAdapter[T],
        params: Params = (),
        *,
        clean: Callable[[JsonValue], JsonValue] = redact_object,
    ) -> tuple[T, Document]:
        try:
            document = await self.upstream.document(path, params, clean=clean)
        except UpstreamRejected as exc:
            missing_as_not_found(exc, name)
            raise
        return self.upstream.parsed(shape, document.value), document


async def known(endpoint: Endpoint) -> None:
    """Return if Argo CD answers and knows the token: strangers are told that they are strangers, without an error."""
    user = endpoint.parsed(wire.USER, await endpoint.get("/api/v1/session/userinfo"))
    if not user.logged_in:
        raise UpstreamRejected(endpoint.system, "it does not know the token", 401)


async def live_application(endpoint: Endpoint, name: str) -> wire.Application:
    """The application as a writer must see it: just now, not through a reading. Raises `NotFound`."""
    try:
        return endpoint.parsed(wire.APPLICATION, await endpoint.get(path_of(name)))
    except UpstreamRejected as exc:
        missing_as_not_found(exc, name)
        raise
