"""Alerts as Alertmanager sends them: webhook payload version 4.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from typing import Annotated, Literal, Self, cast

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from domain.model import External, Timestamp, digest_of

LabelName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=256)]
LabelValue = Annotated[str, StringConstraints(max_length=4096)]
Labels = dict[LabelName, LabelValue]
AlertStatus = Literal["firing", "resolved"]

SERVICE_LABELS = ("service", "app", "app_kubernetes_io_name", "deployment", "workload", "job")
"""Labels that may name the service, most telling first."""

SEVERITIES = ("critical", "error", "warning", "info", "none")


def fingerprint_of(labels: Labels) -> str:
    """What stands for the fingerprint of an alert that came without one: identical label sets are the same alert."""
    return digest_of({**labels})[:16]


class Alert(External):
    """One alert. `labels`, `annotations` and URLs are untrusted text."""

    status: AlertStatus
    labels: Labels = Field(min_length=1)
    annotations: Labels = Field(default_factory=dict)
    starts_at: Timestamp = Field(alias="startsAt")
    ends_at: Timestamp | None = Field(default=None, alias="endsAt")
    generator_url: str = Field(default="", alias="generatorURL", max_length=4096)
    fingerprint: str = Field(default="", max_length=64)
    refired: SkipJsonSchema[int] = Field(default=0, ge=0, exclude_if=lambda times: not times)
    """How often it fired anew with the same start after it was resolved. The inbox counts, not the sender."""

    @model_validator(mode="before")
    @classmethod
    def _fingerprint_from_labels(cls, value: object) -> object:
        """Older senders leave the fingerprint out."""
        if not isinstance(value, dict):
            return value
        payload = cast("dict[str, object]", value)
        labels = payload.get("labels")
        if payload.get("fingerprint") or not isinstance(labels, dict):
            return payload
        pairs = cast("dict[object, object]", labels).items()
        return {**payload, "fingerprint": fingerprint_of({str(k): str(v) for k, v in pairs})}

    @property
    def name(self) -> str:
        """The alerting rule's name."""
        return self.labels.get("alertname", "UnnamedAlert")

    @property
    def namespace(self) -> str | None:
        """The Kubernetes namespace, if the alert names one."""
        return self.labels.get("namespace") or None

    @property
    def service(self) -> str | None:
        """The service the alert is about, by the first of `SERVICE_LABELS` it carries."""
        return next((self.labels[name] for name in SERVICE_LABELS if self.labels.get(name)), None)

    @property
    def episode(self) -> str:
        """Equal as long as the alert has not been resolved and fired anew."""
        started = f"{self.fingerprint}/{self.starts_at.isoformat()}"
        return f"{started}/{self.refired}" if self.refired else started

    @property
    def identity(self) -> str:
        """Equal for deliveries of the same news: same alert, same episode, same status."""
        return f"{self.episode}/{self.status}"


class Webhook(External):
    """One notification for one alert group."""

    version: Literal["4"]
    group_key: str = Field(alias="groupKey", min_length=1, max_length=8192)
    status: AlertStatus
    receiver: str = Field(default="", max_length=1024)
    group_labels: Labels = Field(default_factory=dict, alias="groupLabels")
    common_labels: Labels = Field(default_factory=dict, alias="commonLabels")
    common_annotations: Labels = Field(default_factory=dict, alias="commonAnnotations")
    external_url: str = Field(default="", alias="externalURL", max_length=4096)
    truncated_alerts: int = Field(default=0, alias="truncatedAlerts", ge=0)
    alerts: tuple[Alert, ...] = Field(min_length=1)

    @field_validator("alerts", mode="after")
    @classmethod
    def _count_is_ours(cls, alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
        return tuple(alert.model_copy(update={"refired": 0}) if alert.refired else alert for alert in alerts)

    @property
    def group_id(self) -> str:
        """Short stable id of the alert group, fit for a workflow id."""
        return digest_of(self.group_key)[:16]


MOST_BYTES = 448 * 1024
"""Of a group's alerts, as JSON: what a workflow can be told at once is limited. About five hundred ordinary ones."""


class AlertGroup(External):
    """Alerts that one triage looks at together."""

    group_id: str
    alerts: tuple[Alert, ...]

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.alerts:
            raise ValueError("an alert group has at least one alert")
        return self

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that are still firing."""
        return tuple(alert for alert in self.alerts if alert.status == "firing")

    @property
    def title(self) -> str:
        """A line for people: the alert's name and what it is about."""
        first = self.alerts[0]
        where = first.service or first.namespace
        return f"{first.name} on {where}" if where else first.name

    @property
    def severity(self) -> str:
        """The worst severity of the group; alerts without a known one count as `warning`."""
        ranks = {name: rank for rank, name in enumerate(SEVERITIES)}
        return min((_severity(alert) for alert in self.alerts), key=ranks.__getitem__)

    @property
    def namespace(self) -> str | None:
        """The first namespace any alert names."""
        return next((alert.namespace for alert in self.alerts if alert.namespace), None)

    @property
    def service(self) -> str | None:
        """The first service any alert names."""
        return next((alert.service for alert in self.alerts if alert.service), None)

    @property
    def started_at(self) -> Timestamp:
        """When the first alert started."""
        return min(alert.starts_at for alert in self.alerts)


def _severity(alert: Alert) -> str:
    given = alert.labels.get("severity", "").lower()
    return given if given in SEVERITIES else "warning"


def merge_alerts(known: tuple[Alert, ...], news: tuple[Alert, ...]) -> tuple[Alert, ...]:
    """Latest word on each alert, in order of first appearance; as many as `MOST_BYTES` hold.

    Deliveries may come twice and out of order: an older episode never replaces a newer one, and within an episode
    `resolved` is final.
    """
    latest = {alert.fingerprint: alert for alert in known}
    for alert in news:
        before = latest.get(alert.fingerprint)
        if before is None or _supersedes(alert, before):
            latest[alert.fingerprint] = alert
    return _fitting(tuple(latest.values()))


def _fitting(alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
    """Those that fire before those that do not, the worst first, and of equals the first to appear; order is kept."""
    ranks = {name: rank for rank, name in enumerate(SEVERITIES)}
    left, kept = MOST_BYTES, set[str]()
    for alert in sorted(alerts, key=lambda alert: (alert.status != "firing", ranks[_severity(alert)])):
        left -= len(alert.model_dump_json())
        if left < 0:
            break
        kept.add(alert.fingerprint)
    return alerts if len(kept) == len(alerts) else tuple(alert for alert in alerts if alert.fingerprint in kept)


def _supersedes(new: Alert, old: Alert) -> bool:
    if new.episode != old.episode:
        return (new.starts_at, new.refired) > (old.starts_at, old.refired)
    return old.status == "firing"
