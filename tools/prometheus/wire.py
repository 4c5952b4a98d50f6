"""The shapes of Prometheus' HTTP API v1, and their translation into models.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import Field, TypeAdapter

from domain.model import External, Timestamp
from tools.prometheus.models import Exemplar, Labels, Points, Rule, RuleAlert, Sample, Series

D = TypeVar("D")
Seconds = Annotated[float, Field(ge=0, le=253_402_300_799, allow_inf_nan=False)]
"""Since 1970; up to the year 9999, which is as far as times can be told."""
RawPoint = tuple[Seconds, float]
"""The time, and the value, which Prometheus writes as a string; pydantic reads `NaN` and `+Inf` too."""


class Envelope(External, Generic[D]):
    """What wraps every successful answer."""

    status: Literal["success"]
    data: D
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The server's remarks."""
        return (*self.warnings, *self.infos)


class VectorItem(External):
    """One series of an instant vector; `value` is missing for native histograms."""

    metric: Labels = Field(default_factory=dict)
    value: RawPoint | None = None


class MatrixItem(External):
    """One series of a range vector; `values` is empty for native histograms."""

    metric: Labels = Field(default_factory=dict)
    values: tuple[RawPoint, ...] = ()


class Vector(External):
    """An instant vector."""

    result_type: Literal["vector"] = Field(alias="resultType")
    result: tuple[VectorItem, ...]


class Matrix(External):
    """A range vector."""

    result_type: Literal["matrix"] = Field(alias="resultType")
    result: tuple[MatrixItem, ...]


class Scalar(External):
    """A number without labels."""

    result_type: Literal["scalar"] = Field(alias="resultType")
    result: RawPoint


class Text(External):
    """A string: time and text."""

    result_type: Literal["string"] = Field(alias="resultType")
    result: tuple[Seconds, str]


Instant = Annotated[Vector | Scalar | Text, Field(discriminator="result_type")]


class RawAlert(External):
    """An alert under a rule, or of `/alerts`."""

    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    state: Literal["pending", "firing"]
    active_at: Timestamp | None = Field(default=None, alias="activeAt")
    value: float | None = None


class RawRule(External):
    """A rule."""

    name: str
    type: Literal["alerting", "recording"]
    query: str = ""
    state: Literal["inactive", "pending", "firing"] | None = None
    duration: float = 0.0
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    health: str = ""
    last_error: str = Field(default="", alias="lastError")


class RawGroup(External):
    """A rule group."""

    name: str
    rules: tuple[RawRule, ...] = ()


class Groups(External):
    """All rule groups."""

    groups: tuple[RawGroup, ...] = ()


class Alerts(External):
    """All active alerts."""

    alerts: tuple[RawAlert, ...] = ()


class RawExemplar(External):
    """An exemplar."""

    labels: Labels = Field(default_factory=dict)
    value: float
    timestamp: Seconds


class ExemplarSeries(External):
    """The exemplars of one series."""

    series_labels: Labels = Field(default_factory=dict, alias="seriesLabels")
    exemplars: tuple[RawExemplar, ...] = ()


INSTANT: TypeAdapter[Envelope[Instant]] = TypeAdapter(Envelope[Instant])
RANGE: TypeAdapter[Envelope[Matrix]] = TypeAdapter(Envelope[Matrix])
RULES: TypeAdapter[Envelope[Groups]] = TypeAdapter(Envelope[Groups])
ALERTS: TypeAdapter[Envelope[Alerts]] = TypeAdapter(Envelope[Alerts])
EXEMPLARS: TypeAdapter[Envelope[tuple[ExemplarSeries, ...]]] = TypeAdapter(Envelope[tuple[ExemplarSeries, ...]])

TRACE_LABELS = ("trace_id", "traceID", "traceid", "TraceID")


def when(seconds: float) -> datetime:
    """Unix seconds as a time."""
    return datetime.fromtimestamp(seconds, UTC)


def samples(instant: Instant) -> tuple[tuple[Sample, ...], int]:
    """The finite samples, and how many were left out because they are not."""
    if isinstance(instant, Text):
        return (), 0
    items = (VectorItem(value=instant.result),) if isinstance(instant, Scalar) else instant.result
    kept = tuple(
        Sample(labels=item.metric, value=item.value[1], at=when(item.value[0]))
        for item in items
        if item.value is not None and math.isfinite(item.value[1])
    )
    return kept, len(items) - len(kept)


def series(item: MatrixItem) -> Series:
    """One series, its NaN and infinite points counted and left out."""
    points: Points = tuple(point for point in item.values if math.isfinite(point[1]))
    return Series(labels=item.metric, points=points, dropped=len(item.values) - len(points))


def rules(groups: Iterable[RawGroup]) -> tuple[Rule, ...]:
    """Every rule, in the order in which they are evaluated."""
    return tuple(
        Rule(
            group=group.name,
            name=rule.name,
            kind=rule.type,
            query=rule.query,
            state=rule.state,
            seconds=rule.duration,
            labels=rule.labels,
            annotations=rule.annotations,
            health=rule.health,
            last_error=rule.last_error,
        )
        for group in groups
        for rule in group.rules
    )


def rule_alerts(raw: Iterable[RawAlert]) -> tuple[RuleAlert, ...]:
    """Every active alert; a value that is not finite is left out."""
    return tuple(
        RuleAlert(
            labels=alert.labels,
            annotations=alert.annotations,
            state=alert.state,
            active_at=alert.active_at,
            value=alert.value if alert.value is not None and math.isfinite(alert.value) else None,
        )
        for alert in raw
    )


def exemplars(raw: Iterable[ExemplarSeries]) -> tuple[Exemplar, ...]:
    """Every exemplar, newest first."""
    found = [
        Exemplar(
            series=item.series_labels,
            labels=exemplar.labels,
            trace_id=next((exemplar.labels[name] for name in TRACE_LABELS if name in exemplar.labels), ""),
            value=exemplar.value,
            at=when(exemplar.timestamp),
        )
        for item in raw
        for exemplar in item.exemplars
        if math.isfinite(exemplar.value)
    ]
    return tuple(sorted(found, key=lambda exemplar: exemplar.at, reverse=True))
