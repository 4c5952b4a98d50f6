"""Routes of decisions: an attempt is audited even if its body never became a decision."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from service.api.callers import Requires, address, identified
from service.api.services import services
from service.store.audit import AuditEvent

INVALID = "invalid"
"""The result in the audit log of a request that does not follow the schema."""
_may_decide = Requires("incidents:decide")


class AuditedRoute(APIRoute):
    """FastAPI refuses what does not follow the schema before the route's own function, which audits, is called."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, with refused requests audited."""
        handle = super().get_route_handler()

        async def audited(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                await _record(request, error)
                raise

        return audited


async def _record(request: Request, error: RequestValidationError) -> None:
    """Audit for a caller who may decide. Others are refused, as what is no JSON is found before who sent it."""
    provided = services(request)
    caller = await _may_decide(request, provided, await identified(request, provided))
    reasons = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    event = AuditEvent(
        actor=caller.name,
        action=f"incident.{request.url.path.rpartition('/')[2]}",
        target=request.path_params["incident_id"],
        result=INVALID,
        ip=address(request),
        detail="; ".join(reasons),
    )
    await provided.audit.record(event)
