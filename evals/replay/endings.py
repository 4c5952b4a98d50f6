"""Where recorded metrics end before the recording was taken.

A real Prometheus marks a series as stale as soon as its target is no longer scraped. Recorded samples carry no such
marks, so the server would repeat the last value for five minutes, and what nobody measured would look like a level that
holds. A sample that is no number, one interval after the last, ends the series as the mark would have.

Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

COUNTED = ("_total", "_count", "_sum", "_bucket")
"""Endings of what is looked at through rates, which would become no number over all of their range."""


class _Run(NamedTuple):
    """The samples of one series: its name with labels, times in Unix seconds, and the line of its last sample."""

    first: float
    last: float
    size: int
    line: int

    @property
    def interval(self) -> float:
        return (self.last - self.first) / (self.size - 1) if self.size > 1 else 0.0


def with_endings(metrics: str, taken_at: datetime) -> str:
    """`metrics` (OpenMetrics text with times) with an end to each gauge of which nothing was recorded up to `taken_at`.

    Only where all series of the metric end: one among others is a pod that went, and sums over the others go on.
    """
    lines = metrics.splitlines()
    runs = _runs(lines)
    ends = dict[str, float]()
    for key, run in runs.items():
        ends[_metric(key)] = max(run.last, ends.get(_metric(key), run.last))
    endings = dict[int, str]()
    for key, run in runs.items():
        end = ends[_metric(key)]
        over = run.interval > 0 and end + 2 * run.interval < taken_at.timestamp()
        if over and end - run.last < run.interval and not _metric(key).endswith(COUNTED):
            endings[run.line] = f"{key} NaN {run.last + run.interval:.3f}"
    return "\n".join([*_inserted(lines, endings), ""]) if endings else metrics


def _runs(lines: list[str]) -> dict[str, _Run]:
    """The series by name with labels."""
    found = dict[str, _Run]()
    for number, line in enumerate(lines):
        parts = line.rsplit(" ", 2)
        if line.startswith("#") or len(parts) != 3:
            continue
        key, at = parts[0], _seconds(parts[2])
        if at is not None:
            before = found.get(key)
            found[key] = _Run(before.first if before else at, at, before.size + 1 if before else 1, number)
    return found


def _inserted(lines: list[str], endings: dict[int, str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line
        if number in endings:
            yield endings[number]


def _metric(key: str) -> str:
    return key.partition("{")[0]


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
