"""Calling a human."""

from typing import Literal

from temporalio import activity

from domain.model import Model
from tools.pager.write import SUMMARY_LIMIT, Page, Pager

PagerSeverity = Literal["critical", "error", "warning", "info"]
SEVERITIES: dict[str, PagerSeverity] = {"critical": "critical", "error": "error", "warning": "warning"}


class PageInput(Model):
    """Why a human is needed. Paging is deduplicated by incident."""

    incident_id: str
    title: str
    severity: str
    reason: str
    summary: str


class PageResult(Model):
    """Whether somebody was paged; `detail` says how, or why not."""

    paged: bool
    detail: str


class Paging:
    """Pages through the configured webhook. Without one the incident says that nobody was paged."""

    def __init__(self, pager: Pager | None) -> None:
        self._pager = pager

    @activity.defn(name="pager.page")
    async def page(self, request: PageInput) -> PageResult:
        """Page once for the incident."""
        if self._pager is None:
            return PageResult(paged=False, detail="no pager is configured: set TRIAGE_PAGER__WEBHOOK_URL")
        summary = ". ".join(text for text in (request.reason, request.summary) if text)
        await self._pager.page(
            Page(
                incident_id=request.incident_id,
                title=request.title,
                severity=SEVERITIES.get(request.severity, "info"),
                summary=summary[:SUMMARY_LIMIT],
            )
        )
        return PageResult(paged=True, detail="paged through the configured webhook")
