"""Cases in the layout of RCAEval: metrics of many services around the moment at which a fault was injected into one.

A case is a folder `{service}_{fault}/{run}` with `data.csv` (or `simple_metrics.csv`: `time` in Unix seconds, then
`{service}_{metric}` columns, empty where a point is missing), `inject_time.txt` (Unix seconds) and, in newer suites,
`traces.csv` (one span a row).

Source: L. Pham et al., "RCAEval: A Benchmark for Root Cause Analysis of Microservice Systems with Telemetry Data",
WWW 2025; https://github.com/phamquiluan/RCAEval.
"""

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from domain.errors import InvalidInput

Column = tuple[float, ...]
"""One value a row; NaN where the point is missing."""
Columns = Mapping[tuple[str, str], Column]
"""Columns by service and metric."""
Call = tuple[str, str]
"""Caller and called."""

FILES = ("data.csv", "simple_metrics.csv")
STORE = "-db"
"""A store counts as its service: `order-db` is `order`. That is how the benchmark scores."""


@dataclass(frozen=True)
class Case:
    """One injected fault. `calls` is empty where the case has no traces."""

    service: str
    fault: str
    run: str
    inject_time: int
    times: tuple[int, ...]
    columns: Columns
    calls: frozenset[Call] = frozenset()

    @property
    def id(self) -> str:
        """Its folder below the suite."""
        return f"{self.service}_{self.fault}/{self.run}"


def scored_name(service: str) -> str:
    """The service that an answer naming `service` names."""
    return service.removesuffix(STORE)


def suite_in(folder: Path) -> tuple[Case, ...]:
    """The cases below `folder`, by path. Raises `InvalidInput` naming what cannot be read, or an empty folder."""
    found = sorted(path for name in FILES for path in folder.rglob(name))
    first = {path.parent: path for path in reversed(found)}
    if not first:
        raise InvalidInput(f"{folder} has no cases: no {' or '.join(FILES)} below it")
    return tuple(read_case(path) for _, path in sorted(first.items()))


def read_case(data: Path) -> Case:
    """The case whose metrics are in `data`. Raises `InvalidInput` naming the file that is no such thing."""
    service, _, fault = data.parent.parent.name.rpartition("_")
    if not service:
        raise InvalidInput(f"{data.parent.parent} is not named SERVICE_FAULT")
    times, columns = _metrics(data)
    return Case(
        service=service,
        fault=fault.lower(),
        run=data.parent.name,
        inject_time=_inject_time(data.with_name("inject_time.txt")),
        times=times,
        columns=columns,
        calls=_calls(data.with_name("traces.csv")),
    )


def write_case(case: Case, suite: Path) -> Path:
    """Write `case` below `suite`; returns its folder. Its calls become one trace with a span a call."""
    folder = suite / f"{case.service}_{case.fault}" / case.run
    folder.mkdir(parents=True, exist_ok=True)
    names = list(case.columns)
    rows = zip(case.times, *(case.columns[name] for name in names), strict=True)
    with (folder / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", *("_".join(name) for name in names)])
        writer.writerows([time, *map(_cell, values)] for time, *values in rows)
    (folder / "inject_time.txt").write_text(f"{case.inject_time}\n")
    if case.calls:
        _write_traces(case.calls, folder / "traces.csv")
    return folder


def _metrics(path: Path) -> tuple[tuple[int, ...], dict[tuple[str, str], Column]]:
    try:
        with path.open(newline="") as file:
            reader = csv.reader(file)
            header = next(reader)
            rows = [row for row in reader if row]
        place = header.index("time")
        times = tuple(int(float(row[place])) for row in rows)
        values = zip(*([_number(cell) for cell in row] for row in rows), strict=True)
        columns = {tuple(name.rsplit("_", 1)): column for name, column in zip(header, values, strict=True)}
    except (OSError, ValueError, csv.Error, StopIteration) as exc:
        raise InvalidInput(f"{path} is no table of metrics with a column `time`: {exc}") from exc
    return times, {(name[0], name[1]): column for name, column in columns.items() if len(name) == 2}


def _number(cell: str) -> float:
    value = float(cell or "nan")
    return value if math.isfinite(value) else math.nan


def _cell(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _inject_time(path: Path) -> int:
    try:
        return int(float(path.read_text().split()[0]))
    except (OSError, ValueError, IndexError) as exc:
        raise InvalidInput(f"{path} holds no Unix time: {exc}") from exc


def _calls(path: Path) -> frozenset[Call]:
    """Who calls whom by the spans' parents; none without the file."""
    if not path.exists():
        return frozenset()
    try:
        with path.open(newline="") as file:
            spans = [(row["spanID"], row["parentSpanID"], row["serviceName"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, csv.Error) as exc:
        raise InvalidInput(f"{path} is no table of spans: {exc!r}") from exc
    services = {span: service for span, _, service in spans}
    pairs = ((services.get(parent), service) for _, parent, service in spans)
    return frozenset((caller, service) for caller, service in pairs if caller and caller != service)


SPAN = ("time", "traceID", "spanID", "serviceName", "parentSpanID", "startTimeMillis", "duration", "statusCode")


def _write_traces(calls: Iterable[Call], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, SPAN, restval="")
        writer.writeheader()
        for number, (caller, called) in enumerate(sorted(calls)):
            trace = f"t{number}"
            writer.writerow({"traceID": trace, "spanID": f"{trace}a", "serviceName": caller})
            writer.writerow(
                {"traceID": trace, "spanID": f"{trace}b", "serviceName": called, "parentSpanID": f"{trace}a"}
            )
