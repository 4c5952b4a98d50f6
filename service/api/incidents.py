"""`GET /incidents`, one incident, and its facts as a stream."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from domain.facts import FINAL, IncidentClosed, IncidentStatus
from service.api import sse
from service.api.callers import IncidentReader
from service.api.services import Provided, Services
from service.api.views import IncidentSummary, IncidentView, fact_view, incident_summary, incident_view
from service.store.facts import IncidentFilter, NumberedFact

router = APIRouter(tags=["incidents"])


@router.get("/incidents")
async def list_incidents(
    provided: Provided,
    _caller: IncidentReader,
    status: Annotated[list[IncidentStatus] | None, Query(description="may be repeated")] = None,
    fingerprint: Annotated[str | None, Query(max_length=64, description="of an alert it was opened for")] = None,
    namespace: Annotated[str | None, Query(max_length=253)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> list[IncidentSummary]:
    """Incidents, newest first."""
    wanted = IncidentFilter(tuple(status or ()), fingerprint, namespace, limit)
    return [incident_summary(incident) for incident in await provided.facts.incidents(wanted)]


@router.get("/incidents/{incident_id}")
async def get_incident(incident_id: str, provided: Provided, _caller: IncidentReader) -> IncidentView:
    """One incident with evidence, diagnosis, plan, decisions and facts."""
    incident = await provided.facts.incident(incident_id)
    return incident_view(incident, await provided.facts.history(incident_id))


@router.get(
    "/incidents/{incident_id}/events",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "One event a fact"},
        204: {"description": "The incident is closed, and the reader has seen everything"},
    },
)
async def stream_facts(
    incident_id: str,
    provided: Provided,
    _caller: IncidentReader,
    last_event_id: Annotated[int, Header(ge=0, description="resume after this fact")] = 0,
) -> Response:
    """The facts so far and then as they happen (server-sent events); ends when the incident is closed."""
    incident = await provided.facts.incident(incident_id)
    seen_all = incident.status in FINAL and not await provided.facts.history(incident_id, last_event_id)
    return Response(status_code=204) if seen_all else sse.stream(_events(provided, incident_id, last_event_id))


async def _events(provided: Services, incident_id: str, after: int) -> AsyncIterator[bytes]:
    while True:
        news = await provided.facts.history(incident_id, after)
        for item in news:
            yield sse.event(item.fact.type, fact_view(item).model_dump_json(), item.number)
            after = item.number
        if _ended(news):
            return
        if not news:
            yield sse.COMMENT
        await provided.feed.changed(incident_id, sse.HEARTBEAT)


def _ended(news: tuple[NumberedFact, ...]) -> bool:
    return any(isinstance(item.fact, IncidentClosed) for item in news)
