"""The report of the suites on the real cluster: one table a section, with the machine's figures on top.

Each section is a file of its own, so that suites that run side by side or one after the other add to the same report;
a suite that runs again replaces its section. `lab-report.json` and `lab-report.md` are written anew at each addition.
"""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FOLDER = Path("lab-report")
Value = str | int | float | bool | None
Row = Mapping[str, Value]


class Machine(BaseModel):
    """Where the figures are from. `memory` in GiB, `load` the 1-minute average when the section was written."""

    model_config = ConfigDict(frozen=True)

    cores: int
    processor: str
    memory: float
    kernel: str
    python: str
    load: float

    @classmethod
    def here(cls) -> "Machine":
        """This machine, now."""
        return cls(
            cores=len(os.sched_getaffinity(0)),
            processor=_found(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo")),
            memory=round(int(_found(r"MemTotal:\s*(\d+)", Path("/proc/meminfo")) or 0) / 2**20, 1),
            kernel=platform.release(),
            python=platform.python_version(),
            load=round(os.getloadavg()[0], 2),
        )


class Section(BaseModel):
    """One table: every row has the same columns. `form` is `short` or `full`, where a suite has both."""

    model_config = ConfigDict(frozen=True)

    title: str
    form: str = ""
    rows: tuple[dict[str, Value], ...]
    machine: Machine = Field(default_factory=Machine.here)
    at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


def add(section: str, rows: Sequence[Row], *, form: str = "", folder: Path = FOLDER) -> None:
    """Put a section into the report in `folder` and write it anew. Raises ValueError for rows that are no table."""
    columns = {tuple(row) for row in rows}
    if len(columns) != 1:
        raise ValueError(f"section {section!r}: expected rows of the same columns, got {sorted(columns)}")
    folder.mkdir(parents=True, exist_ok=True)
    made = Section(title=section, form=form, rows=tuple(dict(row) for row in rows))
    _replace(folder / "sections" / f"{_slug(section)}.json", made.model_dump_json(indent=2))
    write(folder)


def write(folder: Path = FOLDER) -> tuple[Path, Path]:
    """Write `lab-report.json` and `lab-report.md` from the sections there are; returns their paths."""
    sections = read(folder)
    data, text = folder / "lab-report.json", folder / "lab-report.md"
    _replace(data, json.dumps([item.model_dump(mode="json") for item in sections], indent=2) + "\n")
    _replace(text, rendered(sections))
    return data, text


def read(folder: Path = FOLDER) -> tuple[Section, ...]:
    """The sections that have been added, by title."""
    files = (folder / "sections").glob("*.json")
    return tuple(
        sorted((Section.model_validate_json(file.read_bytes()) for file in files), key=lambda item: item.title)
    )


def rendered(sections: Sequence[Section]) -> str:
    """The report for people, in Markdown."""
    parts = ["# Proof on real parts", _machines(sections), *(_table(section) for section in sections)]
    return "\n\n".join(parts) + "\n"


def _machines(sections: Sequence[Section]) -> str:
    seen = {(m.cores, m.processor, m.memory, m.kernel, m.python) for m in (item.machine for item in sections)}
    return "\n".join(
        f"- {cores} cores of {processor or 'an unnamed processor'}, {memory} GiB, Linux {kernel}, Python {python}"
        for cores, processor, memory, kernel, python in sorted(seen)
    )


def _table(section: Section) -> str:
    columns = list(section.rows[0])
    lines = [" | ".join(columns), " | ".join("---" for _ in columns)]
    lines += [" | ".join(_cell(row[column]) for column in columns) for row in section.rows]
    form = f"{section.form} form, " if section.form else ""
    when = f"{form}{section.at:%Y-%m-%d %H:%M} UTC, load {section.machine.load}"
    return f"## {section.title}\n\n{when}\n\n" + "\n".join(f"| {line} |" for line in lines)


def _cell(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _replace(path: Path, text: str) -> None:
    """Whole or not at all: somebody may be reading it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _found(pattern: str, file: Path) -> str:
    match = re.search(pattern, file.read_text(encoding="utf-8"))
    return match[1].strip() if match else ""
