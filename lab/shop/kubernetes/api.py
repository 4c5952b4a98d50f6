"""The API server's HTTP face."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from lab.shop.cluster.errors import (
    BadRequestError,
    ForbiddenError,
    StatusError,
    UnauthorizedError,
)
from lab.shop.cluster.objects import Manifest, section, text
from lab.shop.identities import Identity, Tokens
from lab.shop.kubernetes import discovery
from lab.shop.kubernetes.paths import Target, parse_path
from lab.shop.kubernetes.pod_log import LogQuery, follow_log, log_process, log_text
from lab.shop.kubernetes.reads import ListQuery, list_objects, names_only, watch_objects
from lab.shop.kubernetes.streams import until_set
from lab.shop.kubernetes.writes import (
    Body,
    asks_for_dry_run,
    create_object,
    delete_object,
    patch_object,
    replace_object,
    scale_of,
)
from lab.shop.shop import Shop
from lab.shop.writes import WriteLog

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class KubernetesApi:
    """Answers requests from the shop's state."""

    def __init__(self, shop: Shop, tokens: Tokens, log: WriteLog, stopping: asyncio.Event):
        self._shop = shop
        self._tokens = tokens
        self._log = log
        self._stopping = stopping

    def application(self) -> Starlette:
        """The ASGI application."""
        health = [Route(f"/{name}", _healthy) for name in ("healthz", "livez", "readyz")]
        methods = ["GET", *_VERBS]
        return Starlette(routes=[*health, Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        if request.method == "GET":
            return await _with_status(lambda: self._read(request))
        if request.url.path == _REVIEWS:
            return await _with_status(lambda: self._review(request))
        return await self._logged(request)

    async def _logged(self, request: Request) -> Response:
        """A write: whatever becomes of it, it is in the write log."""
        body = await request.body()
        identity = self._tokens.identify(request.headers.get("authorization", ""))
        before = self._shop.store.version
        response = await _with_status(lambda: self._write(request, body))
        self._log.record(
            at=self._shop.clock.now(),
            api="kubernetes",
            user=identity.user if identity else "system:anonymous",
            verb=_VERBS[request.method],
            path=request.url.path,
            dry_run=asks_for_dry_run(request.query_params.get("dryRun", ""), body),
            status=response.status_code,
            changed=self._shop.store.version != before,
        )
        return response

    async def _read(self, request: Request) -> Response:
        self._identity(request)
        path = request.url.path.rstrip("/")
        found = _discovered(path, request.url.netloc)
        if found is not None:
            return JSONResponse(found)
        target = parse_path(path)
        if target.subresource == "log":
            return self._pod_log(target, LogQuery.parse(dict(request.query_params)))
        if target.name:
            stored = self._shop.store.get(target.kind, target.name, target.namespace)
            return JSONResponse(scale_of(stored) if target.subresource else stored.manifest)
        query = ListQuery.parse(dict(request.query_params))
        if query.watch:
            changes = until_set(self._stopping, watch_objects(self._shop.store, target, query))
            return StreamingResponse(changes, media_type="application/json")
        listed = list_objects(self._shop.store, target, query)
        metadata_only = "as=PartialObjectMetadataList" in request.headers.get("accept", "")
        return JSONResponse(names_only(listed) if metadata_only else listed)

    def _pod_log(self, target: Target, query: LogQuery) -> Response:
        stored = self._shop.store.get(target.kind, target.name, target.namespace)
        process = log_process(self._shop.kubelet, stored, query)
        now = self._shop.clock.now()
        if query.follow:
            return StreamingResponse(
                until_set(self._stopping, follow_log(process, query, now)), media_type="text/plain"
            )
        return PlainTextResponse(log_text(process, query, now))

    async def _write(self, request: Request, content: bytes) -> Response:
        identity = self._identity(request)
        target = parse_path(request.url.path)
        verb = _VERBS[request.method]
        if not identity.may_write:
            raise _forbidden(identity, verb, target)
        body = Body(content, request.headers.get("content-type", "application/json").partition(";")[0])
        dry_run = _dry_run(request)
        store = self._shop.store
        if verb == "delete":
            return JSONResponse(delete_object(store, target, body, dry_run=dry_run))
        if verb == "create":
            return JSONResponse(create_object(store, target, body, dry_run=dry_run).manifest, 201)
        write = replace_object if verb == "update" else patch_object
        stored = write(store, target, body, dry_run=dry_run)
        return JSONResponse(scale_of(stored) if target.subresource == "scale" else stored.manifest)

    async def _review(self, request: Request) -> Response:
        """`SelfSubjectAccessReview`: may I?"""
        identity = self._identity(request)
        body = Body(await request.body(), request.headers.get("content-type", "application/json")).document()
        verb = text(section(body, "spec", "resourceAttributes"), "verb")
        allowed = identity.may_write or verb in {"get", "list", "watch"}
        return JSONResponse({**body, "status": {"allowed": allowed}}, 201)

    def _identity(self, request: Request) -> Identity:
        identity = self._tokens.identify(request.headers.get("authorization", ""))
        if identity is None:
            raise UnauthorizedError("Unauthorized")
        return identity


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _with_status(answer: Callable[[], Awaitable[Response]]) -> Response:
    """The answer, or the Status of its refusal."""
    try:
        return await answer()
    except StatusError as exc:
        return JSONResponse(exc.status(), exc.code)


def _discovered(path: str, address: str) -> Manifest | None:
    match path.strip("/").split("/"):
        case ["version"]:
            found = discovery.version_info()
        case ["api"]:
            found = discovery.core_versions(address)
        case ["apis"]:
            found = discovery.groups()
        case ["api", version]:
            found = discovery.resources("", version)
        case ["apis", group]:
            found = discovery.group(group)
        case ["apis", group, version]:
            found = discovery.resources(group, version)
        case _:
            found = None
    return found


def _dry_run(request: Request) -> bool:
    value = request.query_params.get("dryRun", "")
    if value not in {"", "All"}:
        raise BadRequestError(f'dryRun: Unsupported value: "{value}": supported values: "All"')
    return value == "All"


def _forbidden(identity: Identity, verb: str, target: Target) -> ForbiddenError:
    kind = target.kind
    plural = f"{kind.plural}/{target.subresource}" if target.subresource else kind.plural
    name = f' "{target.name}"' if target.name else ""
    scope = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    return ForbiddenError(
        f'{kind.resource}{name} is forbidden: User "{identity.user}" cannot {verb} resource "{plural}" '
        f'in API group "{kind.group}" {scope}',
        kind,
        target.name,
    )
