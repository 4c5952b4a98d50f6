"""The files of a recorded incident, in memory, to be changed and written again.

`evals.cases` reads a case as a situation to diagnose; this reads it as files, for whatever makes cases from cases.
"""

import gzip
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from agent.cluster.index import Cluster
from domain.errors import Misconfigured
from domain.model import External
from evals.cases import CaseHeader, first_problem
from evals.labels import Label
from tools.documents import JsonObject, json_value, text_at

_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)")


class RecordedObjects(External):
    """A Kubernetes `List`."""

    items: tuple[JsonObject, ...]


Shape = TypeVar("Shape")
HEADER: TypeAdapter[CaseHeader] = TypeAdapter(CaseHeader)
LABEL: TypeAdapter[Label] = TypeAdapter(Label)
OBJECT: TypeAdapter[JsonObject] = TypeAdapter(JsonObject)
OBJECTS: TypeAdapter[list[JsonObject]] = TypeAdapter(list[JsonObject])
LIST: TypeAdapter[RecordedObjects] = TypeAdapter(RecordedObjects)
TEXTS: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


class Key(NamedTuple):
    """Which Kubernetes object."""

    kind: str
    namespace: str
    name: str


def key_of(item: JsonObject) -> Key:
    """The object's key."""
    return Key(text_at(item, "kind"), text_at(item, "metadata", "namespace"), text_at(item, "metadata", "name"))


@dataclass(frozen=True)
class Recording:
    """One case. `logs` are by `namespace/pod/container`, `manifests` by application; `metrics` is OpenMetrics text."""

    header: JsonObject
    webhook: JsonObject
    items: tuple[JsonObject, ...]
    logs: Mapping[str, str] = field(default_factory=dict[str, str])
    manifests: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics: str = "# EOF\n"
    active_alerts: tuple[JsonObject, ...] = ()
    label: Label | None = None
    extra: Mapping[str, bytes] = field(default_factory=dict[str, bytes])

    @property
    def id(self) -> str:
        """The case's id."""
        return text_at(self.header, "id")

    @property
    def namespace(self) -> str:
        """Where the incident is."""
        return text_at(self.header, "namespace")

    @cached_property
    def taken_at(self) -> datetime:
        """When it was recorded."""
        return CaseHeader.model_validate(self.header).taken_at

    @cached_property
    def cluster(self) -> Cluster:
        """Its objects, typed."""
        return Cluster(self.items)

    def named(self, name: str) -> "Recording":
        """The same under another id."""
        return replace(self, header={**self.header, "id": name})

    def texts(self) -> Iterator[str]:
        """Everything in it as text, for searches over all of it."""
        yield from (json.dumps(part, ensure_ascii=False) for part in (self.header, self.webhook, *self.items))
        yield from (f"{name}\n{text}" for name, text in (*self.logs.items(), *self.manifests.items()))
        yield self.metrics
        yield from (json.dumps(part, ensure_ascii=False) for part in self.active_alerts)


def read(folder: Path) -> Recording:
    """The files of a case. Raises `Misconfigured` naming the file that cannot be read."""
    label = folder / "expected.json"
    known = {"case.json", "webhook.json", "active_alerts.json", "manifests.json", "expected.json"}
    known |= {"kubernetes.json.gz", "logs.json.gz", "metrics.om.gz"}
    _shaped(HEADER, folder / "case.json")
    return Recording(
        header=_shaped(OBJECT, folder / "case.json"),
        webhook=_shaped(OBJECT, folder / "webhook.json"),
        items=_shaped(LIST, folder / "kubernetes.json.gz").items,
        logs=_shaped(TEXTS, folder / "logs.json.gz"),
        manifests=_shaped(TEXTS, folder / "manifests.json"),
        metrics=_bytes(folder / "metrics.om.gz").decode(),
        active_alerts=tuple(_shaped(OBJECTS, folder / "active_alerts.json")),
        label=_shaped(LABEL, label) if label.exists() else None,
        extra={path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name not in known},
    )


def write(recording: Recording, suite: Path) -> None:
    """Write the case as a folder of `suite`, byte for byte the same for the same case."""
    folder = suite / recording.id
    folder.mkdir(parents=True, exist_ok=True)
    _put(folder / "case.json", _pretty(recording.header))
    _put(folder / "webhook.json", _pretty(recording.webhook))
    _put(folder / "active_alerts.json", _pretty(list(recording.active_alerts)))
    _put(folder / "manifests.json", _pretty(dict(recording.manifests)))
    _put(folder / "kubernetes.json.gz", _compact({"kind": "List", "apiVersion": "v1", "items": list(recording.items)}))
    _put(folder / "logs.json.gz", _compact(dict(recording.logs)))
    _put(folder / "metrics.om.gz", recording.metrics.encode())
    if recording.label is not None:
        _put(folder / "expected.json", recording.label.model_dump_json(indent=1, exclude_defaults=True).encode())
    for name, content in recording.extra.items():
        (folder / name).write_bytes(content)


def copy_catalogue(suite: Path, out: Path) -> None:
    """Give the new suite the signals of the old one. Raises `Misconfigured` where there are none."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(suite / "signals.yaml", out / "signals.yaml")
    except OSError as exc:
        raise Misconfigured(f"{suite} is no suite, or {out} cannot be written: {exc}") from exc


def folders_of(suite: Path) -> tuple[Path, ...]:
    """The folders of a suite's cases, by name."""
    return tuple(sorted(path.parent for path in suite.glob("*/case.json")))


def shifted(text: str, by: timedelta) -> str:
    """`text` with every time that has a zone moved."""
    return _STAMP.sub(lambda found: _moved(found[0], by), text) if by else text


def shifted_object(item: JsonObject, by: timedelta) -> JsonObject:
    """An object with every time in it moved."""
    return cast("JsonObject", json.loads(shifted(json.dumps(item, ensure_ascii=False), by)))


def _moved(stamp: str, by: timedelta) -> str:
    moment = datetime.fromisoformat(stamp.replace(",", ".")) + by
    precise = "microseconds" if "." in stamp or "," in stamp else "seconds"
    text = moment.isoformat(sep=stamp[10], timespec=precise)
    return text.replace("+00:00", "Z") if stamp.endswith("Z") else text


def _shaped(shape: TypeAdapter[Shape], path: Path) -> Shape:
    """What the file holds. Raises `Misconfigured` for anything else than that."""
    try:
        return shape.validate_json(_bytes(path))
    except ValidationError as exc:
        raise Misconfigured(f"{path}: {first_problem(exc)}") from exc


def _bytes(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as exc:
        raise Misconfigured(f"cannot read {path}: {exc}") from exc


def _pretty(value: object) -> bytes:
    return json.dumps(json_value(value), indent=1, ensure_ascii=False).encode() + b"\n"


def _compact(value: object) -> bytes:
    return json.dumps(json_value(value), separators=(",", ":"), ensure_ascii=False).encode()


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content, compresslevel=9, mtime=0) if path.suffix == ".gz" else content)
