"""Argo CD's REST API, as its gRPC gateway serves it.

Source: https://github.com/argoproj/argo-cd/blob/release-3.1/assets/swagger.json
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from pydantic import BaseModel, JsonValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.shop.argocd.applications import Application, compact
from lab.shop.argocd.changes import Changes, asks_for_dry_run
from lab.shop.argocd.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    NoSuchError,
    PermissionDeniedError,
    RefusalError,
    UnauthenticatedError,
)
from lab.shop.argocd.git import Commit, UnknownRevisionError
from lab.shop.argocd.resources import application_events, managed_resources
from lab.shop.argocd.tree import resource_tree
from lab.shop.cluster.errors import BadRequestError
from lab.shop.cluster.objects import Manifest, timestamp
from lab.shop.cluster.selectors import label_selector
from lab.shop.identities import Identity, Tokens
from lab.shop.shop import Shop
from lab.shop.topology import NAMESPACE
from lab.shop.writes import WriteLog

VERSION = "v3.1.16"
Read: TypeAlias = Callable[[Request], Manifest]
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
_ONE = "/api/v1/applications/{name}"


class ArgoCdApi:
    """Answers requests from the shop's state."""

    def __init__(self, shop: Shop, tokens: Tokens, log: WriteLog):
        self._shop = shop
        self._tokens = tokens
        self._log = log
        self._changes = Changes(shop.applications, shop.operations)

    def application(self) -> Starlette:
        """The ASGI application."""
        reads: dict[str, Read] = {
            "/api/v1/session/userinfo": self._user,
            "/api/v1/account/can-i/{resource}/{action}/{place:path}": self._may,
            "/api/v1/applications": self._list,
            _ONE: self._get,
            f"{_ONE}/resource-tree": self._tree,
            f"{_ONE}/managed-resources": self._managed,
            f"{_ONE}/revisions/{{revision}}/metadata": self._revision,
            f"{_ONE}/manifests": self._manifests,
            f"{_ONE}/events": self._events,
        }
        writes = (
            ("POST", f"{_ONE}/sync", "sync"),
            ("POST", f"{_ONE}/rollback", "rollback"),
            ("DELETE", f"{_ONE}/operation", "terminate"),
            ("PATCH", _ONE, "patch"),
        )
        return Starlette(
            routes=[
                Route("/api/version", _version),
                Route("/healthz", _healthy),
                *(Route(path, self._reading(read), methods=["GET"]) for path, read in reads.items()),
                *(Route(path, self._writing(verb), methods=[method]) for method, path, verb in writes),
            ]
        )

    def _reading(self, read: Read) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                self._identity(request)
                return JSONResponse(read(request))
            except RefusalError as exc:
                return JSONResponse(exc.body(), exc.status)

        return answer

    def _writing(self, verb: str) -> Handler:
        """A write: whatever becomes of it, it is in the write log."""

        async def answer(request: Request) -> Response:
            body = await request.body()
            identity = self._tokens.identify(request.headers.get("authorization", ""))
            try:
                changed, response = self._write(request, verb, body)
            except RefusalError as exc:
                changed, response = False, JSONResponse(exc.body(), exc.status)
            self._log.record(
                at=self._shop.clock.now(),
                api="argocd",
                user=identity.user if identity else "anonymous",
                verb=verb,
                path=request.url.path,
                dry_run=asks_for_dry_run(body),
                status=response.status_code,
                changed=changed,
            )
            return response

        return answer

    def _write(self, request: Request, verb: str, body: bytes) -> tuple[bool, JSONResponse]:
        """Carry a write out; says whether it changed anything, which a dry run does not."""
        identity = self._identity(request)
        application = self._application(request)
        if not identity.may_write:
            raise _denied(identity, "update" if verb == "patch" else "sync", application)
        before = (application.spec, application.operation_state)
        if verb == "sync":
            self._changes.sync(application, body, identity.user)
        elif verb == "rollback":
            self._changes.rollback(application, body, identity.user)
        elif verb == "terminate":
            self._changes.terminate(application)
        else:
            self._changes.patch(application, body)
        changed = (application.spec, application.operation_state) != before and not asks_for_dry_run(body)
        return changed, JSONResponse({} if verb == "terminate" else self._document(application))

    def _identity(self, request: Request) -> Identity:
        identity = self._tokens.identify(request.headers.get("authorization", ""))
        if identity is None:
            raise UnauthenticatedError("no session information")
        return identity

    def _application(self, request: Request) -> Application:
        name, project = request.path_params["name"], request.query_params.get("project", "")
        application = self._shop.applications.find(name)
        if application and project in {"", application.spec.project}:
            return application
        if project:
            raise NoSuchError(f'applications.argoproj.io "{name}" not found')
        # Who does not say the project is not told whether the application exists.
        raise PermissionDeniedError("permission denied")

    def _document(self, application: Application) -> Manifest:
        return _dumped(self._shop.applications.document(application))

    def _user(self, request: Request) -> Manifest:
        identity = self._tokens.identify(request.headers.get("authorization", ""))
        return {"loggedIn": True, "username": identity.user, "iss": "argocd"} if identity else {}

    def _may(self, request: Request) -> Manifest:
        allowed = self._identity(request).may_write or request.path_params["action"] == "get"
        return {"value": "yes" if allowed else "no"}

    def _list(self, request: Request) -> Manifest:
        projects = request.query_params.getlist("projects") + request.query_params.getlist("project")
        wanted = request.query_params.get("selector", "")
        found: list[JsonValue] = [
            self._document(application)
            for application in self._shop.applications.all()
            if (not projects or application.spec.project in projects) and _selected(wanted, application)
        ]
        return {"metadata": {"resourceVersion": str(self._shop.store.version)}, "items": found}

    def _get(self, request: Request) -> Manifest:
        application = self._application(request)
        if request.query_params.get("refresh") in {"normal", "hard"}:
            application.reconciled_at = self._shop.clock.now()
        return self._document(application)

    def _tree(self, request: Request) -> Manifest:
        compared = self._shop.applications.compare(self._application(request))
        return resource_tree(self._shop.store, compared)

    def _managed(self, request: Request) -> Manifest:
        return managed_resources(self._shop.applications.compare(self._application(request)))

    def _revision(self, request: Request) -> Manifest:
        commit = self._commit(request, request.path_params["revision"])
        return {"author": commit.author, "date": timestamp(commit.date), "message": commit.message}

    def _manifests(self, request: Request) -> Manifest:
        application = self._application(request)
        commit = self._commit(request, request.query_params.get("revision", ""))
        return {
            "manifests": [compact(manifest) for manifest in commit.manifests],
            "namespace": NAMESPACE,
            "server": application.spec.destination.server,
            "revision": commit.revision,
            "sourceType": "Directory",
        }

    def _commit(self, request: Request, revision: str) -> Commit:
        application = self._application(request)
        try:
            return self._shop.applications.repository(application).resolve(revision)
        except UnknownRevisionError as exc:
            raise FailedPreconditionError(f"error resolving repo revision: {exc}") from exc

    def _events(self, request: Request) -> Manifest:
        application = self._application(request)
        resource = request.query_params.get("resourceName", "")
        uid = request.query_params.get("resourceUID", "")
        return application_events(self._shop.store, application, resource, uid)


async def _version(_: Request) -> Response:
    return JSONResponse({"Version": VERSION})


async def _healthy(_: Request) -> Response:
    return JSONResponse("ok")


def _dumped(model: BaseModel) -> Manifest:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _selected(selector: str, application: Application) -> bool:
    try:
        return label_selector(selector)(application.labels)
    except BadRequestError as exc:
        raise InvalidArgumentError(f"error parsing the selector: {exc}") from exc


def _denied(identity: Identity, action: str, application: Application) -> PermissionDeniedError:
    where = f"{application.spec.project}/{application.name}"
    return PermissionDeniedError(f"permission denied: applications, {action}, {where}, sub: {identity.user}")
