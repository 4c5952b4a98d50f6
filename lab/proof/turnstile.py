"""A way through which requests to an API go, and where one of the write identity's can be held up.

What happens "between the approval and the write" takes milliseconds. Here the write identity's request waits until
something has been done behind its back, and then goes on to the real API server, or Argo CD, as it was sent.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab.cluster.access import server_of
from lab.shop.listener import Listener, listening

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PASSED_ON = ("authorization", "content-type", "accept", "user-agent")


@dataclass
class Bar:
    """Holds the first request of that method on that path that is no dry run; `reached` when one stands before it.

    With a `token`, that identity's only.
    """

    method: str
    path: str
    token: str = ""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def stops(self, request: Request) -> bool:
        """Whether it is this request that is waited for."""
        if "dryRun" in request.query_params or (request.method, request.url.path) != (self.method, self.path):
            return False
        return not self.token or request.headers.get("authorization") == f"Bearer {self.token}"


class Turnstile:
    """Passes requests on to one server. `url` is where clients reach it, over plain HTTP on loopback."""

    def __init__(self, server: httpx.AsyncClient) -> None:
        self._server = server
        self._bars: list[Bar] = []
        self.listener = Listener(Starlette(routes=[Route("/{path:path}", self._pass, methods=METHODS)]), 0)

    @property
    def url(self) -> str:
        """Where it stands."""
        return self.listener.url

    def bar(self, method: str, path: str, token: str = "") -> Bar:
        """Hold the next such request."""
        made = Bar(method, path, token)
        self._bars.append(made)
        return made

    async def _pass(self, request: Request) -> Response:
        bar = next((each for each in self._bars if each.stops(request)), None)
        if bar is not None:
            self._bars.remove(bar)
            bar.reached.set()
            await bar.opened.wait()
        return await self._answer(request)

    async def _answer(self, request: Request) -> Response:
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        target = httpx.URL(request.url.path, query=request.url.query.encode())
        answer = await self._server.request(request.method, target, headers=headers, content=await request.body())
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))


def _redirect(kubeconfig: Path, through: Path, url: str) -> None:
    config = yaml.safe_load(kubeconfig.read_text())
    config["clusters"][0]["cluster"] = {"server": url}
    through.touch(mode=0o600)
    through.write_text(yaml.safe_dump(config, sort_keys=False))


@asynccontextmanager
async def before_kubernetes(kubeconfig: Path, through: Path) -> AsyncGenerator[Turnstile]:
    """Stand before the API server of `kubeconfig`, and write to `through` a kubeconfig that leads here."""
    server, context = server_of(kubeconfig)
    async with _standing(httpx.AsyncClient(base_url=server, verify=context, trust_env=False, timeout=30)) as made:
        _redirect(kubeconfig, through, made.url)
        yield made


@asynccontextmanager
async def before_argocd(url: str) -> AsyncGenerator[Turnstile]:
    """Stand before Argo CD."""
    async with _standing(httpx.AsyncClient(base_url=url, trust_env=False, timeout=30)) as made:
        yield made


@asynccontextmanager
async def _standing(server: httpx.AsyncClient) -> AsyncGenerator[Turnstile]:
    async with server:
        made = Turnstile(server)
        async with listening([made.listener]):
            yield made
