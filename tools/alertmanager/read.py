"""Reads of Alertmanager.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from typing import Literal

from pydantic import Field, TypeAdapter

from domain.model import External, Timestamp
from domain.redaction import redact_strings
from tools.alertmanager.models import ActiveAlert
from tools.http import Upstream
from tools.reading import Reading


class _Status(External):
    state: Literal["active", "suppressed", "unprocessed"]
    silenced_by: tuple[str, ...] = Field(default=(), alias="silencedBy")
    inhibited_by: tuple[str, ...] = Field(default=(), alias="inhibitedBy")


class _Alert(External):
    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    status: _Status
    starts_at: Timestamp = Field(alias="startsAt")
    ends_at: Timestamp | None = Field(default=None, alias="endsAt")
    updated_at: Timestamp | None = Field(default=None, alias="updatedAt")
    generator_url: str = Field(default="", alias="generatorURL")


_ALERTS: TypeAdapter[tuple[_Alert, ...]] = TypeAdapter(tuple[_Alert, ...])


class AlertmanagerReader:
    """Alertmanager's API v2."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    async def alerts(self, filter: tuple[str, ...] = ()) -> Reading[tuple[ActiveAlert, ...]]:  # noqa: A002 - its API's word
        """Alerts it holds, silenced and inhibited ones included; `filter` holds matchers such as `namespace="shop"`."""
        params = [("filter", matcher) for matcher in filter]
        document = await self.upstream.document("/api/v2/alerts", params, clean=redact_strings)
        alerts = tuple(_active(alert) for alert in self.upstream.parsed(_ALERTS, document.value))
        query = " ".join(("GET /api/v2/alerts", *filter))
        return await self.upstream.reading(alerts, query, document.raw)

    async def ready(self) -> None:
        """Return if its API answers."""
        await self.upstream.get("/api/v2/status")


def _active(alert: _Alert) -> ActiveAlert:
    return ActiveAlert(
        fingerprint=alert.fingerprint,
        labels=alert.labels,
        annotations=alert.annotations,
        state=alert.status.state,
        starts_at=alert.starts_at,
        ends_at=alert.ends_at,
        updated_at=alert.updated_at,
        silenced_by=alert.status.silenced_by,
        inhibited_by=alert.status.inhibited_by,
        generator_url=alert.generator_url,
    )
