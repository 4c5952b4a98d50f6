"""Alertmanager's answers, typed."""

from typing import Literal

from domain.model import Model, Timestamp


class ActiveAlert(Model):
    """An alert as Alertmanager holds it. `suppressed` means silenced or inhibited."""

    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str]
    state: Literal["active", "suppressed", "unprocessed"]
    starts_at: Timestamp
    ends_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    generator_url: str = ""
