"""Recorded incidents, format `incident-snapshot/v1`: a folder a case, read into a `Situation` or scored against.

What is expected of a case is read by `expected_of` only, never while a situation is built.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar, cast

import yaml
from pydantic import Field, ValidationError

from agent.cluster.index import Cluster
from agent.looks import Look
from agent.situation import Log, LogKey, Manifest, Signal, Situation
from domain.alerts import Alert, Webhook
from domain.diagnosis import Blindspot, Finding
from domain.errors import Misconfigured
from domain.evidence import EvidenceKind
from domain.model import External, Timestamp, sha256
from domain.signals import SignalCatalogue
from evals.openmetrics import Recording, UnsupportedQuery
from tools.alertmanager.models import ActiveAlert
from tools.documents import JsonObject

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
    catalogue: SignalCatalogue

    @cached_property
    def header(self) -> CaseHeader:
        """Who, where, when. Raises `Misconfigured` for another format."""
        return _read(CaseHeader, self.folder / "case.json", self._bytes("case.json"))

    @property
    def signals_file(self) -> Path:
        """The suite's catalogue."""
        return self.folder.parent / "signals.yaml"

    @cached_property
    def alerts(self) -> tuple[Alert, ...]:
        """What the on-call engineer is told."""
        return Webhook.model_validate_json(self._bytes("webhook.json")).alerts

    def situation(self) -> Situation:
        """The case as the analyzers see it. Raises `Misconfigured` for a case that cannot be read."""
        objects = self._look("object", "kubernetes", "kubernetes.json.gz", "objects")
        events = self._look("event", "kubernetes", "kubernetes.json.gz", "events")
        signals, blindspots = self._signals()
        return Situation(
            now=self.header.taken_at,
            namespace=self.header.namespace,
            onset=min((alert.starts_at for alert in self.alerts), default=None),
            cluster=Cluster(self._items()),
            objects=objects,
            events=events,
            logs=dict(self._logs()),
            manifests=dict(self._manifests()),
            signals=signals,
            alerts=tuple(self._active_alerts()),
            alerts_look=self._look("alert", "alertmanager", "active_alerts.json", "active alerts"),
            blindspots=blindspots,
        )

    def _items(self) -> tuple[JsonObject, ...]:
        document = cast("dict[str, list[JsonObject]]", self._json("kubernetes.json.gz"))
        return tuple(document["items"])

    def _logs(self) -> Iterator[tuple[LogKey, Log]]:
        logs = cast("dict[str, str]", self._json("logs.json.gz"))
        for name, text in logs.items():
            namespace, pod, container, *rest = name.split("/")
            query = f"log {name}"
            look = Look("log", "kubernetes", query, sha256(text.encode()), self.header.taken_at, query)
            yield LogKey(namespace, pod, container, previous=rest == ["previous"]), Log(look, text)

    def _manifests(self) -> Iterator[tuple[str, Manifest]]:
        manifests = cast("dict[str, str]", self._json("manifests.json"))
        for name, text in manifests.items():
            query = f"manifest of {name}"
            look = Look("application", "git", query, sha256(text.encode()), self.header.taken_at, query)
            yield name, Manifest(look, text)

    def _active_alerts(self) -> Iterator[ActiveAlert]:
        for item in cast("list[dict[str, object]]", self._json("active_alerts.json")):
            yield ActiveAlert.model_validate(
                {
                    "fingerprint": item.get("fingerprint", ""),
                    "labels": item["labels"],
                    "annotations": item.get("annotations", {}),
                    "state": "active",
                    "starts_at": item["startsAt"],
                }
            )

    def _signals(self) -> tuple[dict[str, Signal], tuple[Blindspot, ...]]:
        recording = Recording(self._bytes("metrics.om.gz").decode())
        signals: dict[str, Signal] = {}
        blindspots: list[Blindspot] = []
        for name in self.catalogue.signals:
            query = self.catalogue.render(name, namespace=self.header.namespace)
            try:
                series = recording.evaluate(query)
            except UnsupportedQuery as exc:
                blindspots.append(Blindspot(source="prometheus", reason=f"{name}: {exc}"))
                continue
            if series:
                look = self._look("metric", "prometheus", "metrics.om.gz", query)
                signals[name] = Signal(look, series)
        return signals, tuple(blindspots)

    def _look(self, kind: EvidenceKind, source: str, file: str, query: str) -> Look:
        return Look(kind, source, query, self._digests[file], self.header.taken_at, query)

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {
            path.name: sha256(path.read_bytes())
            for path in self.folder.iterdir()
            if path.is_file() and path.name != "expected.json"
        }

    def _json(self, name: str) -> object:
        try:
            return json.loads(self._bytes(name))
        except ValueError as exc:
            raise Misconfigured(f"{self.folder / name} is not JSON: {exc}") from exc

    def _bytes(self, name: str) -> bytes:
        path = self.folder / name
        try:
            return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        except (OSError, EOFError) as exc:
            raise Misconfigured(f"cannot read {path}: {exc}") from exc


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
    catalogue = _catalogue(folder / "signals.yaml")
    cases: dict[str, Case] = {}
    skipped: list[Skipped] = []
    for path in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        case = Case(path, catalogue)
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
    return _read(Expected, path, path.read_bytes()) if path.exists() else None


def _catalogue(path: Path) -> SignalCatalogue:
    try:
        return SignalCatalogue.model_validate({"signals": cast("object", yaml.safe_load(path.read_text()))})
    except OSError as exc:
        raise Misconfigured(f"{path.parent} is no suite: {exc}") from exc
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"{path} is no signals catalogue: {first_problem(exc)}") from exc


def _read(model: type[ModelT], path: Path, content: bytes) -> ModelT:
    try:
        return model.model_validate_json(content)
    except ValidationError as exc:
        raise Misconfigured(f"{path}: {first_problem(exc)}") from exc


def first_problem(error: Exception) -> str:
    """What is wrong, and where, in one line."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
