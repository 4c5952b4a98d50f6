"""Changes that alerts state in words, such as `p50: Normal=18ms -> Current=177ms`.

Where a site's alerts carry the values before and now, they are measurements that somebody else has made: they stand in
where the series themselves cannot be read.
"""

import re
from collections.abc import Iterator

from agent.anomalies import Anomaly
from agent.looks import Look
from tools.alertmanager.models import ActiveAlert

_NUMBER = r"(-?\d+(?:\.\d+)?)\s*(%|[a-zA-Z/]*)"
_CHANGE = re.compile(rf"{_NUMBER}\s*(?:->|→|to)\s*(?:\w+=)?{_NUMBER}")
_UNITS = {"ms": 0.001, "%": 0.01, "us": 1e-6}
SIGNALS = (
    ("node_retransmits", ("retrans",)),
    ("latency_p50", ("p50", "median")),
    ("latency_p95", ("latency", "slow", "duration", "p90", "p95", "p99")),
    ("cpu_usage", ("cpu core", "cpu usage")),
    ("node_cpu", ("cpu util",)),
    ("error_ratio", ("error ratio", "success rate", "error rate")),
)
"""Signals by words in the part of the text that states the change; the first that fits counts."""
SCORE_PER_DOUBLING = 6.0


def stated_anomalies(alerts: tuple[ActiveAlert, ...], look: Look) -> Iterator[Anomaly]:
    """One anomaly for each change that an alert states."""
    for alert in alerts:
        subject = alert.labels.get("service") or alert.labels.get("node")
        if subject:
            for text in alert.annotations.values():
                yield from _stated(alert, subject, text, look)


def _stated(alert: ActiveAlert, subject: str, text: str, look: Look) -> Iterator[Anomaly]:
    start = 0
    for match in _CHANGE.finditer(text):
        words = text[start : match.start()].lower()
        start = match.end()
        signal = next((name for name, phrases in SIGNALS if any(phrase in words for phrase in phrases)), None)
        before, now = _value(match[1], match[2]), _value(match[3], match[4])
        if signal is None or abs(now - before) < 1e-9:
            continue
        doublings = abs(now - before) / max(min(abs(before), abs(now)), abs(now - before) / 64)
        yield Anomaly(
            signal=signal,
            subject=subject,
            before=before,
            now=now,
            score=SCORE_PER_DOUBLING * doublings,
            onset=alert.starts_at,
            ongoing=True,
            look=look,
            label=f"as alert {alert.fingerprint[:8]} states",
        )


def _value(number: str, unit: str) -> float:
    return float(number) * _UNITS.get(unit, 1.0)
