"""The audit log, and proof that nobody changed it."""

from typing import Annotated

from fastapi import APIRouter, Query

from domain.model import Timestamp
from service.api.callers import Auditor
from service.api.services import Provided
from service.store.audit import AuditEntry, AuditFilter, Verification

router = APIRouter(tags=["audit"])
Text = Annotated[str | None, Query(max_length=128)]


@router.get("/audit-logs")
async def list_entries(
    provided: Provided,
    _caller: Auditor,
    *,
    actor: Text = None,
    action: Text = None,
    target: Text = None,
    result: Text = None,
    since: Timestamp | None = None,
    until: Timestamp | None = None,
    before: Annotated[
        int | None, Query(ge=1, le=2**53, description="entries with a smaller number: the next page")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[AuditEntry]:
    """Entries, newest first."""
    wanted = AuditFilter(actor, action, target, result, since, until, before, limit)
    return list(await provided.audit.entries(wanted))


@router.get("/audit-logs/verify")
async def verify(provided: Provided, _caller: Auditor) -> Verification:
    """Recompute the chain of digests. A `head` kept elsewhere also proves that nothing was cut off at the end."""
    return await provided.audit.verify()
