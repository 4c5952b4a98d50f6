"""BARO's ranking, from its publication, so that it needs none of its dependencies.

Source: L. Pham, H. Ha, H. Zhang, "BARO: Robust Root Cause Analysis for Microservices via Multivariate Bayesian Online
Change Point Detection", FSE 2024: each metric's points after the anomaly are scaled by the median and the interquartile
range of those before; the largest one is the metric's score. Preparation is that of the authors' benchmark. The ranks
equal those of the authors' package `fse-baro` 0.2.2 (`original.py` runs it; the tests compare).
"""

import math
from collections.abc import Sequence
from statistics import median

from evals.metrics.layout import Case, Column, scored_name

ROWS = 600
"""Rows that are used on either side of the anomaly."""
TINY = 10 * 2.220446049250313e-16
"""Scales below this count as none: ten times the resolution of a double, as scikit-learn has it."""


def metric_ranks(case: Case, at: int) -> list[tuple[str, str]]:
    """Service and metric, the most suspicious first, with the anomaly at `at` (Unix seconds)."""
    scores = [
        (score, name) for name, column in prepared(case).items() if (score := _score(case, column, at)) is not None
    ]
    return [name for _, name in sorted(scores, key=lambda item: -item[0])]


def service_ranks(case: Case, at: int) -> list[str]:
    """Services, most suspicious first."""
    return services(metric_ranks(case, at))


def services(ranks: Sequence[tuple[str, str]]) -> list[str]:
    """The services of ranked metrics, each at the place of its first one."""
    return list(dict.fromkeys(scored_name(service) for service, _ in ranks))


def prepared(case: Case) -> dict[tuple[str, str], Column]:
    """The columns as the benchmark feeds them: no median latencies, memory in millions of bytes, no gaps."""
    kept = {name: _filled(column) for name, column in case.columns.items() if name[1] != "latency-50"}
    return {name: _in_millions(column) if name[1] == "mem" else column for name, column in kept.items()}


def _filled(column: Column) -> Column:
    """Gaps take the last value before them, 0 where there is none."""
    last, values = 0.0, list[float]()
    for value in column:
        last = last if math.isnan(value) else value
        values.append(last)
    return tuple(values)


def _in_millions(column: Column) -> Column:
    return tuple(value / 1e6 for value in column)


def _score(case: Case, column: Column, at: int) -> float | None:
    """How far the highest point after is above those before, in interquartile ranges; None where a side is constant."""
    before = [value for time, value in zip(case.times, column, strict=True) if time < at][-ROWS:]
    after = [value for time, value in zip(case.times, column, strict=True) if time >= at][:ROWS]
    if len(set(before)) < 2 or len(set(after)) < 2:
        return None
    scale = _quantile(before, 0.75) - _quantile(before, 0.25)
    return (max(after) - median(before)) / (scale if scale > TINY else 1.0)


def _quantile(values: Sequence[float], share: float) -> float:
    """By linear interpolation between neighbours."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
