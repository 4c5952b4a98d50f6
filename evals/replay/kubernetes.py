"""A read-only Kubernetes API server over recorded objects and logs: get, list, logs, discovery, dry runs of patches.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from pydantic import JsonValue
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from evals.replay.logs import log_query, pod_log
from evals.replay.objects import CLUSTER_WIDE, ObjectTable, Place, place_of
from evals.replay.patches import merged
from evals.replay.refusals import (
    Refused,
    bad_request,
    forbidden,
    no_such_resource,
    not_allowed,
    not_found,
    unsupported_media_type,
)
from evals.replay.selectors import field_selector, label_selector
from tools.documents import JsonObject, as_object, child, json_value, objects_at
from tools.kubernetes.changes import STRATEGIC_MERGE
from tools.kubernetes.kinds import Kind

VERSION: JsonObject = {"major": "1", "minor": "30", "gitVersion": "v1.30.0-replay", "platform": "linux/amd64"}
RESOURCE_VERSION = "1"
"""Nothing changes here, so everything has one version."""
REVIEWER = "reviewer"
"""The token of the identity that prepares plans: its dry runs are answered, its writes are refused."""
_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Target(NamedTuple):
    """What a path names."""

    kind: Kind
    namespace: str | None
    name: str
    subresource: str


@dataclass(frozen=True)
class KubernetesReplay:
    """Answers from `objects`, and from `logs` by `namespace/pod/container` as seen at `now`."""

    objects: ObjectTable
    logs: Mapping[str, str]
    now: datetime

    def routes(self) -> Sequence[Route]:
        """For a Starlette application."""
        return [Route("/{path:path}", self._answer, methods=["GET", *_WRITES])]

    async def _answer(self, request: Request) -> Response:
        try:
            if _is_trial(request):
                return self._tried(request, await request.body())
            return self._answered(request)
        except Refused as exc:
            return _json(exc.status, int(exc.code))

    def _tried(self, request: Request, body: bytes) -> Response:
        """What a strategic merge patch would make of an object; nothing is stored."""
        target = self._target(_parts(request))
        stored = self.objects.object(target.kind, target.namespace, target.name)
        if stored is None or target.subresource:
            raise not_found(target.kind, target.name)
        if request.headers.get("content-type") != STRATEGIC_MERGE:
            raise unsupported_media_type()
        try:
            patch = json_value(json.loads(body))
        except ValueError as exc:
            raise bad_request(f"error decoding patch: {exc}") from exc
        head: JsonObject = {"kind": target.kind.kind, "apiVersion": target.kind.api_version}
        return _json({**head, **as_object(merged(stored, patch))})

    def _answered(self, request: Request) -> Response:
        accepted = request.headers.get("accept", "")
        parts = _parts(request)
        found = self._discovered(parts)
        if found is not None:
            return _json(found)
        target = self._target(parts)
        if request.method != "GET":
            raise self._unwritten(request.method, target)
        if not target.name:
            found = self._list(target, request.query_params)
            return _json(_metadata_of(found) if "as=PartialObjectMetadataList" in accepted else found)
        stored = self.objects.object(target.kind, target.namespace, target.name)
        if stored is None:
            raise not_found(target.kind, target.name)
        if target.subresource == "log" and target.kind.kind == "Pod":
            text = pod_log(stored, log_query(request.query_params), self.logs, self.now)
            return PlainTextResponse(text)
        if target.subresource:
            raise no_such_resource()
        return _json({"kind": target.kind.kind, "apiVersion": target.kind.api_version, **stored})

    def _target(self, parts: list[str]) -> Target:
        """`/api/v1/…` or `/apis/group/version/…`, then `[namespaces/NS/]plural[/name[/subresource]]`."""
        core = parts[:1] == ["api"]
        version, rest = ("/".join(parts[1:2]), parts[2:]) if core else ("/".join(parts[1:3]), parts[3:])
        namespace = None
        if rest[:1] == ["namespaces"] and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        kind = self.objects.kind(version, rest[0]) if rest else None
        if kind is None or parts[0] not in {"api", "apis"} or len(rest) > 3:
            raise no_such_resource()
        name, subresource = (*rest[1:], "", "")[:2]
        if namespace is not None and kind.kind in CLUSTER_WIDE:
            raise no_such_resource()
        return Target(kind, namespace, name, subresource)

    def _unwritten(self, method: str, target: Target) -> Refused:
        if (method == "POST") is bool(target.name):
            return not_allowed()
        return forbidden(target.kind, target.name, _WRITES[method], target.namespace)

    def _list(self, target: Target, params: Mapping[str, str]) -> JsonObject:
        if params.get("watch") in {"true", "1"}:
            raise not_allowed()
        labels = label_selector(params.get("labelSelector", ""))
        fields = field_selector(params.get("fieldSelector", ""), target.kind.kind)
        stored = self.objects.objects(target.kind, target.namespace, _decoded(params.get("continue", "")))
        rest = [item for item in stored if labels(item) and fields(item)]
        limit = _limit(params.get("limit", "0"))
        page = rest[:limit] if limit else rest
        metadata: JsonObject = {"resourceVersion": RESOURCE_VERSION}
        if len(page) < len(rest):
            metadata |= {"continue": _encoded(place_of(page[-1])), "remainingItemCount": len(rest) - len(page)}
        head: JsonObject = {"kind": f"{target.kind.kind}List", "apiVersion": target.kind.api_version}
        return {**head, "metadata": metadata, "items": [_untyped(item) for item in page]}

    def _discovered(self, parts: list[str]) -> JsonObject | None:
        match parts:
            case ["version"]:
                return VERSION
            case ["api"]:
                return {"kind": "APIVersions", "versions": ["v1"]}
            case ["apis"]:
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": self._groups()}
            case ["api", version]:
                return self._resources(version)
            case ["apis", group, version]:
                return self._resources(f"{group}/{version}")
            case _:
                return None

    def _groups(self) -> list[JsonValue]:
        versions = sorted({version for version, _ in self.objects.kinds if "/" in version})
        found: list[JsonValue] = []
        for group, members in groupby(versions, key=lambda version: version.partition("/")[0]):
            entries: list[JsonValue] = [
                {"groupVersion": member, "version": member.partition("/")[2]} for member in members
            ]
            found.append({"name": group, "versions": entries, "preferredVersion": entries[-1]})
        return found

    def _resources(self, version: str) -> JsonObject:
        kinds = [kind for (group, _), kind in self.objects.kinds.items() if group == version]
        if not kinds:
            raise no_such_resource()
        resources: list[JsonValue] = [
            {
                "name": kind.plural,
                "singularName": kind.kind.lower(),
                "namespaced": kind.kind not in CLUSTER_WIDE,
                "kind": kind.kind,
                "verbs": ["get", "list"],
            }
            for kind in kinds
        ]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _is_trial(request: Request) -> bool:
    """A dry run by the identity that prepares plans. The reader may not even try."""
    tried = request.method == "PATCH" and request.query_params.get("dryRun") == "All"
    return tried and request.headers.get("authorization") == f"Bearer {REVIEWER}"


def _parts(request: Request) -> list[str]:
    return [part for part in str(request.path_params["path"]).split("/") if part]


def _json(value: JsonValue, status: int = 200) -> Response:
    return Response(to_json(value), status, media_type="application/json")


def _untyped(item: JsonObject) -> JsonObject:
    """The items of a typed list do not say what they are."""
    return {key: value for key, value in item.items() if key not in {"apiVersion", "kind"}}


def _metadata_of(listed: JsonObject) -> JsonObject:
    """What a list is cut down to for a client that accepts only metadata."""
    items = [{"metadata": child(item, "metadata")} for item in objects_at(listed, "items")]
    return {**listed, "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "items": [*items]}


def _limit(text: str) -> int:
    if not text.isdecimal():
        raise bad_request(f"invalid value for limit: {text!r}")
    return int(text)


def _encoded(last: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(last).encode()).decode()


def _decoded(token: str) -> Place:
    if not token:
        return "", ""
    try:
        namespace, name = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError, TypeError) as exc:
        raise bad_request("continue key is not valid") from exc
    return str(namespace), str(name)
