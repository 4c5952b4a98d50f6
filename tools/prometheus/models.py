"""Prometheus' answers, typed."""

from typing import Literal

from pydantic import Field

from domain.model import Model, Timestamp

Labels = dict[str, str]
Points = tuple[tuple[float, float], ...]
"""Unix seconds and value, oldest first; finite values only."""


class Sample(Model):
    """One series at one moment."""

    labels: Labels
    value: float
    at: Timestamp


class Series(Model):
    """One series over time. `dropped` counts points that were NaN or infinite."""

    labels: Labels
    points: Points
    dropped: int = 0


class Rule(Model):
    """An alerting or recording rule as the server runs it. `seconds` is an alerting rule's `for`."""

    group: str
    name: str
    kind: Literal["alerting", "recording"]
    query: str
    state: Literal["inactive", "pending", "firing"] | None = None
    seconds: float = 0.0
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    health: str = ""
    last_error: str = ""


class RuleAlert(Model):
    """An alert that a rule holds active, before Alertmanager's grouping and silences."""

    labels: Labels
    annotations: Labels
    state: Literal["pending", "firing"]
    active_at: Timestamp | None = None
    value: float | None = None


class Exemplar(Model):
    """A measurement with a trace behind it. `trace_id` is empty where the exemplar carries none."""

    series: Labels
    labels: Labels
    trace_id: str
    value: float
    at: Timestamp
