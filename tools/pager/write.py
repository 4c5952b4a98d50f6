"""Pages: PagerDuty's Events API v2 when there is a routing key, a plain JSON webhook otherwise.

Source: https://developer.pagerduty.com/docs/events-api-v2-overview
"""

from typing import Literal

import httpx
from pydantic import JsonValue

from domain.errors import Misconfigured
from domain.model import Model
from tools.http import Endpoint, HttpPolicy

SUMMARY_LIMIT = 1024
"""PagerDuty's."""


class Page(Model):
    """What wakes somebody up. `url` leads to the incident."""

    incident_id: str
    title: str
    severity: Literal["critical", "error", "warning", "info"]
    summary: str
    url: str | None = None


class Pager:
    """Sends pages. The incident's id is the deduplication key: a page sent twice rings once."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        routing_key: str | None = None,
        policy: HttpPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        origin, self._path = _split(url)
        self._endpoint = Endpoint("pager", origin, token=token, policy=policy, transport=transport)
        self._routing_key = routing_key

    async def page(self, page: Page) -> None:
        """Send a page. Raises an `UpstreamError`; a retryable one may have got through, and may be sent again."""
        body = _event(page, self._routing_key) if self._routing_key else _notice(page)
        await self._endpoint.notify(self._path, body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._endpoint.aclose()


def _split(url: str) -> tuple[str, str]:
    """Origin, and path with query exactly as given: webhook addresses are secrets to the last character."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        raise Misconfigured("the pager's address is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise Misconfigured("the pager's address is not an http:// or https:// URL")
    return str(parts.copy_with(raw_path=b"/")), parts.raw_path.decode()


def _event(page: Page, routing_key: str) -> JsonValue:
    links: list[JsonValue] = [{"href": page.url, "text": "incident"}] if page.url else []
    return {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": page.incident_id,
        "payload": {
            "summary": f"{page.title}: {page.summary}"[:SUMMARY_LIMIT],
            "source": "triagent",
            "severity": page.severity,
            "custom_details": {"incident": page.incident_id, "summary": page.summary},
        },
        "links": links,
    }


def _notice(page: Page) -> JsonValue:
    return {"dedup_key": page.incident_id, **page.model_dump(mode="json")}
