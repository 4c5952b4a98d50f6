"""Argo CD's API over recorded manifests, and over the applications themselves where they were recorded.

Without those an application is what `manifests.json` says of it: what Git wants of which objects. What Argo CD thought
of them is `Unknown` then, and there is no history.

Source: https://argo-cd.readthedocs.io/en/stable/developer-guide/api-docs/
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agent.manifests import parsed
from evals.replay.objects import ObjectTable
from evals.replay.patches import merged
from tools.documents import JsonObject, text_at
from tools.kubernetes.kinds import Kind

ROOT = "/api/v1/applications"


@dataclass(frozen=True)
class ArgoReplay:
    """Answers from `manifests` (YAML by application), `applications` (as its API gave them), and the live `objects`."""

    manifests: Mapping[str, str]
    namespace: str
    objects: ObjectTable
    applications: Sequence[JsonObject] = ()

    def routes(self) -> Sequence[Route]:
        """For a Starlette application."""
        return [
            Route("/api/version", self._version),
            Route("/api/v1/session/userinfo", self._user),
            Route("/api/v1/account/can-i/{what:path}", self._may),
            Route(ROOT, self._list),
            Route(f"{ROOT}/{{name}}", self._one),
            Route(f"{ROOT}/{{name}}/manifests", self._manifests),
            Route(f"{ROOT}/{{name}}/managed-resources", self._managed),
            Route(f"{ROOT}/{{name}}/resource-tree", self._tree),
        ]

    async def _version(self, request: Request) -> Response:
        del request
        return JSONResponse({"Version": "v3.1.0+replay"})

    async def _user(self, request: Request) -> Response:
        del request
        return JSONResponse({"loggedIn": True, "username": "replay"})

    async def _may(self, request: Request) -> Response:
        """Everything that is asked before a plan is shown. There is nothing here that could carry it out."""
        del request
        return JSONResponse({"value": "yes"})

    async def _list(self, request: Request) -> Response:
        del request
        return JSONResponse({"metadata": {}, "items": list(self._known.values()) or None})

    async def _one(self, request: Request) -> Response:
        application = self._known.get(_name(request))
        return JSONResponse(application) if application else _missing(request)

    async def _manifests(self, request: Request) -> Response:
        if _name(request) not in self._known:
            return _missing(request)
        documents = self._documents.get(_name(request), ())
        revision = request.query_params.get("revision") or "HEAD"
        return JSONResponse({"manifests": [json.dumps(item) for item in documents], "revision": revision})

    async def _managed(self, request: Request) -> Response:
        if _name(request) not in self._known:
            return _missing(request)
        return JSONResponse({"items": [self._compared(item) for item in self._documents.get(_name(request), ())]})

    async def _tree(self, request: Request) -> Response:
        if _name(request) not in self._known:
            return _missing(request)
        nodes = [_resource(item, self.namespace) for item in self._documents.get(_name(request), ())]
        return JSONResponse({"nodes": nodes})

    @cached_property
    def _known(self) -> Mapping[str, JsonObject]:
        recorded = {text_at(item, "metadata", "name"): item for item in self.applications}
        described = {name: self._described(name) for name in self.manifests if name not in recorded}
        return dict(sorted({**recorded, **described}.items()))

    @cached_property
    def _documents(self) -> Mapping[str, Sequence[JsonObject]]:
        return {name: parsed(text) for name, text in self.manifests.items()}

    def _described(self, name: str) -> JsonObject:
        resources: list[JsonValue] = [_resource(item, self.namespace) for item in self._documents[name]]
        return {
            "metadata": {"name": name, "namespace": "argocd"},
            "spec": {"source": {"targetRevision": "HEAD"}, "destination": {"namespace": self.namespace}},
            "status": {"sync": {"status": "Unknown"}, "health": {"status": "Unknown"}, "resources": resources},
        }

    def _compared(self, target: JsonObject) -> JsonObject:
        """A tracked object, live and as Git wants it: Git's fields over the live ones, as an apply would have it."""
        identity = _resource(target, self.namespace)
        kind = Kind(str(identity["kind"]), text_at(target, "apiVersion"), "")
        live = self.objects.object(kind, str(identity["namespace"]), str(identity["name"]))
        compared = {"targetState": json.dumps(target)}
        if live is not None:
            compared |= {"liveState": json.dumps(live), "normalizedLiveState": json.dumps(live)}
            compared |= {"predictedLiveState": json.dumps(merged(live, target))}
        return {**identity, **compared}


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _missing(request: Request) -> Response:
    message = f"applications.argoproj.io {json.dumps(_name(request))} not found"
    return JSONResponse({"error": message, "code": 5, "message": message}, 404)


def _resource(item: JsonObject, namespace: str) -> JsonObject:
    group, _, version = text_at(item, "apiVersion").rpartition("/")
    return {
        "group": group,
        "version": version,
        "kind": text_at(item, "kind"),
        "namespace": text_at(item, "metadata", "namespace") or namespace,
        "name": text_at(item, "metadata", "name"),
    }
