"""The lab's own API over the shop: switch failures, change the load, release, look at the state and the write log."""

from dataclasses import replace

from fastapi import FastAPI, HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from lab.shop.cluster.images import Build
from lab.shop.failures.board import Active, FailureActiveError, FailureBoard, UnknownFailureError
from lab.shop.failures.catalogue import FAILURES
from lab.shop.manifests import Release
from lab.shop.pages import Pager
from lab.shop.releases import healthy_build
from lab.shop.shop import Shop
from lab.shop.state import ShopState, shop_state
from lab.shop.texts import Noticeboard, Texts, Written
from lab.shop.topology import BY_NAME
from lab.shop.writes import Write, WriteLog


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FailureInfo(_Model):
    """A failure that can be switched on."""

    name: str
    sentence: str
    service: str


class ActiveFailure(_Model):
    """A failure that is on."""

    name: str
    service: str
    since: AwareDatetime


class StartFailure(_Model):
    """Which service to hit; the failure's usual one when left out."""

    service: str | None = None


class Load(_Model):
    """How many times the usual customers come."""

    factor: float = Field(ge=0, le=20)


class NewRelease(_Model):
    """A release: tag, environment overrides, and how the program in the image behaves."""

    service: str
    tag: str | None = None
    message: str = "Release"
    env: dict[str, str] = Field(default_factory=dict)
    error_ratio: float = Field(default=0.0, ge=0, le=1)
    error: str = "unhandled error in handler"
    cpu_factor: float = Field(default=1.0, gt=0)
    extra_latency: float = Field(default=0.0, ge=0)


class Released(_Model):
    """What was released; `revision` is the Git commit, None for services Argo CD does not track."""

    service: str
    image: str
    revision: str | None


class Control:
    """The control API's handlers."""

    def __init__(self, shop: Shop, board: FailureBoard, log: WriteLog):
        self._shop = shop
        self._board = board
        self._log = log
        self._pager = Pager(shop.clock)
        self._noticeboard = Noticeboard(shop)

    def application(self) -> FastAPI:
        """The ASGI application."""
        app = FastAPI(title="Demo shop control", openapi_url="/openapi.json")
        app.get("/healthz")(self.health)
        app.get("/state")(self.state)
        app.get("/writes")(self.writes)
        app.get("/failures")(self.failures)
        app.post("/failures/{name}", status_code=201)(self.start_failure)
        app.delete("/failures/{name}")(self.stop_failure)
        app.delete("/failures")(self.stop_failures)
        app.post("/releases", status_code=201)(self.release)
        app.post("/load")(self.load)
        self._pager.serve(app)
        app.put("/texts")(self.texts)
        return app

    async def health(self) -> dict[str, str]:
        """Whether the shop is up."""
        return {"status": "ok"}

    async def state(self) -> ShopState:
        """What every service runs and how it fares."""
        active = {active.service: active.name for active in self._board.active()}
        return shop_state(self._shop, active)

    async def writes(self) -> list[Write]:
        """The write log, oldest first."""
        return self._log.all()

    async def failures(self) -> list[FailureInfo]:
        """What can be made to go wrong."""
        return [
            FailureInfo(name=failure.name, sentence=failure.sentence, service=failure.service)
            for failure in FAILURES.values()
        ]

    async def start_failure(self, name: str, body: StartFailure | None = None) -> ActiveFailure:
        """Switch a failure on."""
        try:
            return _active(self._board.start(name, body.service if body else None))
        except UnknownFailureError as exc:
            raise HTTPException(404, str(exc)) from exc
        except FailureActiveError as exc:
            raise HTTPException(409, str(exc)) from exc

    async def stop_failure(self, name: str) -> list[ActiveFailure]:
        """Switch a failure off; what was on comes back."""
        if name not in FAILURES:
            raise HTTPException(404, f"no failure {name!r}")
        return [_active(active) for active in self._board.stop(name)]

    async def stop_failures(self) -> list[ActiveFailure]:
        """Switch all failures off."""
        return [_active(active) for active in self._board.stop()]

    async def release(self, body: NewRelease) -> Released:
        """Push an image and release it."""
        if body.service not in BY_NAME:
            raise HTTPException(404, f"no service {body.service!r}")
        service, releases = BY_NAME[body.service], self._shop.releases
        tag = body.tag or releases.next_version(service.name)
        image = releases.push(service.name, tag, _build(body, tag))
        releases.release(Release(service, image, f"{body.message} ({tag})", body.env))
        revision = self._shop.git.repository(service.name).head.revision if service.tracked else None
        return Released(service=service.name, image=image, revision=revision)

    async def load(self, body: Load) -> Load:
        """Change how many customers come."""
        self._shop.conditions.load = body.factor
        return body

    async def texts(self, body: Texts) -> Written:
        """Put texts where outsiders can put them; those of the call before are taken down."""
        return self._noticeboard.post(body)


def _active(active: Active) -> ActiveFailure:
    return ActiveFailure(name=active.name, service=active.service, since=active.since)


def _build(body: NewRelease, tag: str) -> Build:
    return replace(
        healthy_build(BY_NAME[body.service], tag),
        error_ratio=body.error_ratio,
        error=body.error,
        cpu_factor=body.cpu_factor,
        extra_latency=body.extra_latency,
    )
