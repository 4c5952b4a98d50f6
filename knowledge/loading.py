"""Documents from a folder: `*.md` are runbooks, `*.yaml` are patterns. A bad one is named and skipped."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from domain.diagnosis import CauseId
from domain.errors import InvalidInput
from domain.learning import Pattern, Runbook
from domain.model import Model

FILE_LIMIT = 512 * 1024
"""Bytes of a document; nobody reads a longer one at three in the morning."""
FILES_LIMIT = 20_000
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(?P<yaml>.*?)^---[ \t]*\r?$(?P<body>.*)\Z", re.DOTALL | re.MULTILINE)
_TITLE = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)


class Problem(Model):
    """A document or source that was skipped, and why."""

    source: str
    path: str
    reason: str = Field(max_length=1000)


class Loaded(Model):
    """What one folder holds."""

    patterns: tuple[Pattern, ...] = ()
    runbooks: tuple[Runbook, ...] = ()
    problems: tuple[Problem, ...] = ()


def _listed(value: object) -> object:
    """`alerts: KubePodCrashLooping` means a list of one."""
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class FrontMatter(BaseModel):
    """What a runbook says of itself. Keys of other tools (a site generator's `weight`) are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str | None = None
    title: str | None = None
    alerts: Names = ()
    services: Names = ()
    causes: Annotated[tuple[CauseId, ...], BeforeValidator(_listed)] = ()


_MAPPING: TypeAdapter[dict[str, object]] = TypeAdapter(dict[str, object])


def load(folder: Path, *, source: str, site: bool) -> Loaded:
    """Every document below `folder`, in order of path. `site` says who wrote them: the site, or triagent.

    Links that lead out of the folder and hidden files are not read.
    """
    if not folder.is_dir():
        return Loaded(problems=(Problem(source=source, path=str(folder), reason="no such folder"),))
    patterns: dict[str, Pattern] = {}
    runbooks: dict[str, Runbook] = {}
    problems: list[Problem] = []
    for path in _documents(folder):
        name = path.relative_to(folder).as_posix()
        try:
            if path.suffix == ".md":
                _add(runbooks, read_runbook(_text(path, folder), name, source))
            else:
                _add(patterns, read_pattern(_text(path, folder), name, "site" if site else "shipped"))
        except (InvalidInput, OSError) as error:
            problems.append(Problem(source=source, path=name, reason=str(error)[:1000]))
    return Loaded(patterns=tuple(patterns.values()), runbooks=tuple(runbooks.values()), problems=tuple(problems))


def read_runbook(text: str, name: str, source: str = "") -> Runbook:
    """A runbook from Markdown. Without front matter its first heading is the title, its path the id.

    Raises `InvalidInput` saying what is wrong.
    """
    front, body = _parted(text)
    try:
        matter = FrontMatter.model_validate(_yaml(front) if front else {})
        heading = _TITLE.search(body)
        return Runbook(
            id=matter.id or slug(name),
            title=matter.title or (heading[1] if heading else Path(name).stem),
            alerts=matter.alerts or _alert_of(name),
            services=matter.services,
            causes=matter.causes,
            body=body.strip(),
            source=f"{source}/{name}" if source else name,
        )
    except ValidationError as error:
        raise InvalidInput(_readable(error)) from error


def read_pattern(text: str, name: str, origin: Literal["shipped", "site"]) -> Pattern:
    """A pattern from YAML. Nobody can write down that it worked: `origin` and `efficacy` are refused.

    Raises `InvalidInput` saying what is wrong.
    """
    values = _yaml(text)
    earned = {"origin", "efficacy"} & values.keys()
    if earned:
        raise InvalidInput(f"{', '.join(sorted(earned))} may not be set in a file: it is earned by what happens")
    try:
        return Pattern.model_validate({"id": slug(name), **values, "origin": origin})
    except ValidationError as error:
        raise InvalidInput(_readable(error)) from error


def slug(name: str) -> str:
    """An id from a path: `kubernetes/KubePodCrashLooping.md` becomes `kubernetes-kubepodcrashlooping`."""
    stem = name.rsplit(".", 1)[0].lower()
    return re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:128] or "unnamed"


def _add(known: dict[str, Pattern] | dict[str, Runbook], document: Pattern | Runbook) -> None:
    if document.id in known:
        raise InvalidInput(f"id {document.id!r} is already taken in this folder")
    known[document.id] = document  # pyright: ignore[reportArgumentType] - each caller passes its own kind


def _documents(folder: Path) -> Iterator[Path]:
    found = (path for path in sorted(folder.rglob("*")) if path.suffix in {".md", ".yaml", ".yml"})
    visible = (p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    for number, path in enumerate(visible):
        if number >= FILES_LIMIT:
            return
        if path.is_file():
            yield path


def _text(path: Path, folder: Path) -> str:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidInput("is a link out of its folder")
    if path.stat().st_size > FILE_LIMIT:
        raise InvalidInput(f"is larger than {FILE_LIMIT // 1024} KiB")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"is not UTF-8: {error.reason} at byte {error.start}") from error


def _parted(text: str) -> tuple[str, str]:
    match = _FRONT_MATTER.match(text)
    if match:
        return match["yaml"], match["body"]
    if text.startswith("---\n"):
        raise InvalidInput("front matter begins with --- but never ends")
    return "", text


def _yaml(text: str) -> dict[str, object]:
    try:
        return _MAPPING.validate_python(yaml.safe_load(text))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, ValidationError):
            raise InvalidInput("is not a YAML mapping of names to values") from error
        raise InvalidInput(f"is not YAML: {' '.join(str(error).split())}") from error


def _alert_of(name: str) -> tuple[str, ...]:
    """Runbook collections name files after alerts: `KubePodCrashLooping.md`."""
    stem = Path(name).stem
    return (stem,) if re.fullmatch(r"(?:[A-Z][A-Za-z0-9]*){2,}", stem) else ()


def _readable(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'document'}: {item['msg']}" for item in error.errors())
