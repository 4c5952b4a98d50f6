"""`python -m benchmarks [--short]`: measure, print a table, write `bench-report.md` and `bench-report.json`."""

import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure
from benchmarks.incident import incident
from benchmarks.lookup import run as lookup
from benchmarks.storm import storm
from benchmarks.throughput import throughput

console = Console()


def main() -> int:
    """Every measurement; the exit status says whether all targets are met."""
    short = "--short" in sys.argv[1:]
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="triagent-bench-") as name:
        folder = Path(name)
        measurements: dict[str, Callable[[], list[Figure]]] = {
            "pattern lookup": lookup,
            "one incident": lambda: incident(folder / "one", 5 if short else 20),
            "throughput": lambda: asyncio.run(throughput(folder / "throughput", 48 if short else 192)),
            "alert storm": lambda: asyncio.run(storm(folder / "storm", 10 if short else 60)),
        }
        for title, measure in measurements.items():
            with console.status(f"measuring: {title}"):
                figures += measure()
            console.print(f"[green]✓[/] {title}")
    _report(figures)
    return 0 if all(figure.met for figure in figures) else 1


def _report(figures: list[Figure]) -> None:
    machine = f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.platform()}"
    table = Table("figure", "value", "target", "met", title=machine)
    lines = [
        f"# Benchmark of {datetime.now(UTC):%Y-%m-%d %H:%M %Z}",
        "",
        machine,
        "",
        "| figure | value | target | met |",
        "| --- | --- | --- | --- |",
    ]
    for figure in figures:
        row = (
            figure.name,
            f"{figure.value:.4g} {figure.unit}".strip(),
            f"{figure.comparison} {figure.target:g}",
            "yes" if figure.met else "no",
        )
        table.add_row(*row)
        lines.append("| " + " | ".join(row) + " |")
    console.print(table)
    Path("bench-report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    document = {"machine": machine, "figures": TypeAdapter(list[Figure]).dump_python(figures, mode="json")}
    Path("bench-report.json").write_bytes(TypeAdapter(dict[str, object]).dump_json(document, indent=1))


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the Temporal SDK's threads may abort a slow shutdown
