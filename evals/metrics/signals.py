"""A case as the product's collection would have read it: series of golden signals, four points a minute."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from statistics import median

from agent.looks import Look
from agent.situation import Signal
from evals.metrics.layout import Case, Column
from tools.prometheus.models import Points, Series

STEP = 15
"""Seconds."""
NAMES = {
    "cpu": "cpu_usage",
    "mem": "memory_usage",
    "diskio": "disk_io",
    "socket": "sockets",
    "workload": "request_rate",
    "load": "request_rate",
    "latency-50": "latency_p50",
    "latency-90": "latency_p95",
    "latency": "latency_p95",
}
"""The benchmark's metrics by the product's names. The one high quantile there is stands for the one we ask for."""
TRAFFIC = ("workload", "load")
FAILED = "error"


def signals_of(case: Case) -> dict[str, Signal]:
    """Every signal of the case, by name."""
    series: dict[str, list[Series]] = {}
    for signal, service, column in _columns(case.columns):
        points = _points(case.times, column)
        if points:
            series.setdefault(signal, []).append(Series(labels={"service": service}, points=points))
    at = datetime.fromtimestamp(case.times[-1], UTC)
    return {
        signal: Signal(Look("metric", "recording", signal, case.id, at), tuple(found))
        for signal, found in series.items()
    }


def _columns(columns: Mapping[tuple[str, str], Column]) -> Iterator[tuple[str, str, Column]]:
    for (service, metric), column in columns.items():
        if metric in NAMES:
            yield NAMES[metric], service, column
        elif metric == FAILED:
            traffic = next((columns[service, name] for name in TRAFFIC if (service, name) in columns), None)
            if traffic:
                yield "error_ratio", service, _ratio(column, traffic)


def _ratio(failed: Column, requests: Column) -> Column:
    pairs = zip(failed, requests, strict=True)
    return tuple(min(some / whole, 1.0) if whole > 0 else math.nan for some, whole in pairs)


def _points(times: tuple[int, ...], column: Column) -> Points:
    """The median of what was measured in each step."""
    rows = ((time // STEP * STEP, value) for time, value in zip(times, column, strict=True) if not math.isnan(value))
    return tuple(
        (float(start), median(value for _, value in group)) for start, group in groupby(rows, key=lambda row: row[0])
    )
