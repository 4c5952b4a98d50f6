"""For those who run it: alive, ready, metrics. Open without a token, as probes and scrapers need."""

import asyncio
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from domain.errors import TriagentError
from service.api.services import Probe, Provided

PROBE_TIMEOUT = 3.0
"""Seconds a part has to answer."""
ESSENTIAL = "database"
"""Without it nothing can be accepted; without the others, what arrives is kept."""

router = APIRouter(tags=["operations"])


class Part(BaseModel):
    """One part, and why it is not up."""

    state: Literal["up", "down", "not configured"]
    reason: str | None = None


class Readiness(BaseModel):
    """`degraded`: requests are served and alerts are kept, but something is down."""

    status: Literal["ready", "degraded", "unavailable"]
    parts: dict[str, Part]


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the process is alive; asks nothing else."""
    return Health()


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
async def readyz(provided: Provided) -> JSONResponse:
    """Which parts are up. 503 only without the database."""
    checked = await asyncio.gather(*(_part(probe) for probe in provided.probes.values()))
    parts = dict(zip(provided.probes, checked, strict=True))
    readiness = Readiness(status=_status(parts), parts=parts)
    return JSONResponse(readiness.model_dump(), 503 if readiness.status == "unavailable" else 200)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(provided: Provided) -> Response:
    """Prometheus' text format."""
    depth, pending = await asyncio.gather(provided.mail.depth(), provided.facts.awaiting_approval())
    return Response(provided.metrics.render(depth, pending), media_type=CONTENT_TYPE_LATEST)


async def _part(probe: Probe | None) -> Part:
    if probe is None:
        return Part(state="not configured")
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            await probe()
    except TimeoutError:
        return Part(state="down", reason=f"no answer within {PROBE_TIMEOUT:g} s")
    except TriagentError as error:
        return Part(state="down", reason=str(error))
    return Part(state="up")


def _status(parts: dict[str, Part]) -> Literal["ready", "degraded", "unavailable"]:
    if ESSENTIAL in parts and parts[ESSENTIAL].state != "up":
        return "unavailable"
    return "degraded" if any(part.state == "down" for part in parts.values()) else "ready"
