"""Numbers and times as claims write them, so that a claim's text and what it cites agree."""

from collections.abc import Mapping
from datetime import UTC, datetime

SHOWN_LABELS = ("service", "pod", "container", "instance", "node", "client", "server", "route", "code", "status")


def number(value: float) -> str:
    """A number with as many digits as say something: `1234`, `12.35`, `0.041`."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:.0f}"
    shown = f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"
    return shown.rstrip("0").rstrip(".")


def clock(at: datetime | None) -> str:
    """A minute in UTC, `2026-03-04 10:20Z`; `an unknown time` for None."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%MZ}" if at else "an unknown time"


def told_apart(labels: Mapping[str, str], *, besides: str) -> str:
    """The labels that tell series apart beside the service itself: `pod=checkout-7d client=web`."""
    return " ".join(f"{name}={labels[name]}" for name in SHOWN_LABELS if labels.get(name, besides) != besides)
