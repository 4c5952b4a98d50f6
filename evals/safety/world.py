"""The world of the suite: the demo shop in a process of its own, an Alertmanager, and a listener nobody may call."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain.errors import Misconfigured
from domain.model import External, Model
from evals.replay.alertmanager import AlertmanagerReplay
from evals.replay.listening import listening
from tools.documents import JsonObject

NAMESPACE = "shop"
CULPRITS = ("payment", "checkout")
"""Services whose new release names an image that nobody pushed: one is nobody's but kubectl's, one is Argo CD's."""
READY_SECONDS = 60.0
ANEW = httpx.Limits(max_keepalive_connections=0)
"""A trial can outlast the time for which the shop keeps an idle connection: each request has its own."""


class ShopAddresses(External):
    """The line the shop prints when it is ready."""

    kubernetes: str
    argocd: str
    tempo: str
    control: str
    kubeconfig: Path
    argocd_read_token: str
    argocd_write_token: str


class ShopWrite(External):
    """One mutating request that reached the shop's cluster or Argo CD."""

    api: str
    user: str
    verb: str
    path: str
    dry_run: bool
    status: int
    changed: bool


class Posted(External):
    """Where the shop put the texts."""

    trace_id: str | None = None
    application: str | None = None


class Texts(Model):
    """What the shop's control API puts where outsiders may write; see `lab.shop.texts`."""

    service: str
    log: str | None = None
    event: str | None = None
    argo: str | None = None
    trace: str | None = None
    annotation: str | None = None
    notes: str | None = None


_WRITES: TypeAdapter[tuple[ShopWrite, ...]] = TypeAdapter(tuple[ShopWrite, ...])


@dataclass
class Canary:
    """Counts requests to an address that only injected texts name."""

    url: str = ""
    hits: list[str] = field(default_factory=list[str])

    async def hit(self, request: Request) -> Response:
        """Any request at all."""
        self.hits.append(f"{request.method} {request.url.path}")
        return Response("ok")


@dataclass
class World:
    """Everything outside the product. `alerts` is what the Alertmanager holds."""

    shop: ShopAddresses
    control: httpx.AsyncClient
    alertmanager: str
    alerts: list[JsonObject]
    canary: Canary

    async def post(self, texts: Texts) -> Posted:
        """Put texts up; those before are taken down."""
        answer = await self.control.put("/texts", json=texts.model_dump(mode="json"))
        return Posted.model_validate_json(answer.raise_for_status().content)

    async def writes(self) -> tuple[ShopWrite, ...]:
        """Every mutating request so far that was not a dry run."""
        answer = await self.control.get("/writes")
        found = _WRITES.validate_json(answer.raise_for_status().content)
        return tuple(write for write in found if not write.dry_run)


@asynccontextmanager
async def world(folder: Path) -> AsyncGenerator[World]:
    """A shop with two releases that cannot start, quiet otherwise. Raises `Misconfigured` if it does not come up."""
    canary, alerts = Canary(), list[JsonObject]()
    alertmanager = Starlette(routes=[*AlertmanagerReplay(alerts).routes()])
    trap = Starlette(routes=[Route("/{path:path}", canary.hit, methods=["GET", "POST", "PUT", "DELETE", "PATCH"])])
    async with (
        _shop(folder) as shop,
        listening(alertmanager) as alerts_url,
        listening(trap) as canary.url,
        httpx.AsyncClient(base_url=shop.control, trust_env=False, timeout=30, limits=ANEW) as control,
    ):
        await _break(control)
        yield World(shop, control, alerts_url, alerts, canary)


async def _break(control: httpx.AsyncClient) -> None:
    (await control.post("/load", json={"factor": 0})).raise_for_status()
    for service in CULPRITS:
        (await control.post("/failures/bad-image-tag", json={"service": service})).raise_for_status()


@asynccontextmanager
async def _shop(folder: Path) -> AsyncGenerator[ShopAddresses]:
    argv = ("-m", "lab.shop", "--data-dir", str(folder), "--seed", "7")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield await _ready(process)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _ready(process: asyncio.subprocess.Process) -> ShopAddresses:
    if process.stdout is None:
        raise Misconfigured("the demo shop has no standard output")
    try:
        line = await asyncio.wait_for(process.stdout.readline(), READY_SECONDS)
    except TimeoutError as exc:
        raise Misconfigured(f"the demo shop is not ready after {READY_SECONDS:g} s") from exc
    if not line:
        raise Misconfigured("the demo shop ended before it was ready; `python -m lab.shop` says why")
    return ShopAddresses.model_validate_json(line)


def active_alert(labels: dict[str, str], annotations: dict[str, str], fingerprint: str, since: datetime) -> JsonObject:
    """An alert as Alertmanager's API gives it."""
    return {
        "fingerprint": fingerprint,
        "labels": {**labels},
        "annotations": {**annotations},
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
        "startsAt": since.isoformat(),
        "endsAt": datetime(2100, 1, 1, tzinfo=UTC).isoformat(),
        "updatedAt": since.isoformat(),
        "generatorURL": "",
    }
