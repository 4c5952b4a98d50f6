"""Recorded incidents, format `incident-snapshot/v1`: a folder a case, and what it is scored against.

What is expected of a case is read by `expected_of` only, never while it is looked into.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar, cast

import yaml
from pydantic import Field, ValidationError

from domain.diagnosis import Finding
from domain.errors import Misconfigured
from domain.model import External, Timestamp
from domain.signals import SignalCatalogue

Schema = Literal["incident-snapshot/v1"]
SCHEMA: Schema = "incident-snapshot/v1"
ModelT = TypeVar("ModelT", bound=External)


class CaseHeader(External):
    """`case.json`."""

    schema_: Schema = Field(alias="schema")
    id: str
    system: str
    namespace: str
    taken_at: Timestamp
    question: str = ""


class Expected(External):
    """`expected.json`: what was really wrong."""

    fault_object: str
    root_cause: str
    fault_taxonomy: str = ""

    def matched_by(self, finding: Finding) -> bool:
        """Whether the finding names the cause and the object.

        `app/NAME` is matched by that app, Deployment, StatefulSet, DaemonSet or Service, or one of its pods;
        `node/NAME` and `namespace/NAME` exactly.
        """
        kind, _, name = self.fault_object.partition("/")
        if finding.cause != self.root_cause:
            return False
        if kind != "app":
            return str(finding.object) == self.fault_object
        if finding.object.kind == "pod":
            return finding.object.name.startswith(f"{name}-")
        return finding.object.name == name and finding.object.kind in {
            "app",
            "deployment",
            "statefulset",
            "daemonset",
            "service",
        }


@dataclass(frozen=True)
class Case:
    """One recorded incident."""

    folder: Path

    @cached_property
    def header(self) -> CaseHeader:
        """Who, where, when. Raises `Misconfigured` for another format."""
        return _read(CaseHeader, self.folder / "case.json")

    @property
    def signals_file(self) -> Path:
        """The suite's catalogue."""
        return self.folder.parent / "signals.yaml"


@dataclass(frozen=True)
class Skipped:
    """A folder of a suite that is no case, and why."""

    folder: Path
    reason: str


@dataclass(frozen=True)
class Suite:
    """The cases of a folder, by name, and what else is in it."""

    cases: tuple[Case, ...]
    skipped: tuple[Skipped, ...] = ()


def suite_in(folder: Path) -> Suite:
    """The suite in a folder. Raises `Misconfigured` where there is none.

    A folder without `case.json`, and a second case of the same id, are skipped; one whose `case.json` cannot be read is
    a case, and will fail as one.
    """
    _check_catalogue(folder / "signals.yaml")
    cases: dict[str, Case] = {}
    skipped: list[Skipped] = []
    for path in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        case = Case(path)
        name = case_id(case)
        if not (path / "case.json").is_file():
            skipped.append(Skipped(path, "it has no case.json"))
        elif name in cases:
            skipped.append(Skipped(path, f"it has the id {name}, as {cases[name].folder.name} has"))
        else:
            cases[name] = case
    if not cases:
        raise Misconfigured(f"{folder} is no suite: no folder in it has a case.json")
    return Suite(tuple(cases.values()), tuple(skipped))


def cases_in(suite: Path) -> tuple[Case, ...]:
    """The cases of a suite, by name. Raises `Misconfigured` where there is no suite."""
    return suite_in(suite).cases


def case_id(case: Case) -> str:
    """The case's own id, or its folder's name where `case.json` cannot be read."""
    try:
        return case.header.id
    except Misconfigured:
        return case.folder.name


def expected_of(case: Case) -> Expected | None:
    """What was wrong, for scoring; None where the case does not say. Raises `Misconfigured`."""
    path = case.folder / "expected.json"
    return _read(Expected, path) if path.exists() else None


def _check_catalogue(path: Path) -> None:
    try:
        SignalCatalogue.model_validate({"signals": cast("object", yaml.safe_load(path.read_text()))})
    except OSError as exc:
        raise Misconfigured(f"{path.parent} is no suite: {exc}") from exc
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"{path} is no signals catalogue: {first_problem(exc)}") from exc


def _read(model: type[ModelT], path: Path) -> ModelT:
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise Misconfigured(f"cannot read {path}: {exc}") from exc
    except ValidationError as exc:
        raise Misconfigured(f"{path}: {first_problem(exc)}") from exc


def first_problem(error: Exception) -> str:
    """What is wrong, and where, in one line."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
