"""`POST /alerts/alertmanager`: stored, then acknowledged; what it leads to comes later."""

import asyncio

from fastapi import APIRouter, Request
from pydantic import BaseModel

from domain.alerts import Webhook
from service.api.callers import AlertSender
from service.api.services import Provided
from service.store.mail import Posted
from service.telemetry import current_traceparent
from service.webhooks import Rejected, parse_webhook

IN_THREAD = 256 * 1024
"""Bytes from which parsing would hold up other requests."""

router = APIRouter(tags=["alerts"])


class Received(BaseModel):
    """How many good alerts came, how many of them were known already; alerts that were not taken, if any."""

    received: int
    deduplicated: int
    rejected: list[Rejected] | None = None


@router.post(
    "/alerts/alertmanager",
    status_code=202,
    response_model_exclude_none=True,
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": Webhook.model_json_schema()}}}
    },
)
async def receive(request: Request, provided: Provided, _caller: AlertSender) -> Received:
    """Take a notification of Alertmanager (version 4).

    It is on disk when this answers, and is delivered even if Temporal is down now. Sending it again changes nothing.
    """
    body = await request.body()
    parsed = await asyncio.to_thread(parse_webhook, body) if len(body) > IN_THREAD else parse_webhook(body)
    receipt = await provided.inbox.accept(Posted(parsed.webhook, current_traceparent()))
    return Received(
        received=receipt.received, deduplicated=receipt.deduplicated, rejected=list(parsed.rejected) or None
    )
