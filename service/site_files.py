"""The YAML files of a site: read, validated, and refused with the line that is wrong."""

from pathlib import Path
from typing import NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from agent.catalogue import load_catalogue
from domain.errors import Misconfigured
from domain.objectives import Objectives
from domain.policy import Policy
from domain.signals import SignalCatalogue
from service.settings import Settings

SIGNALS = "TRIAGE_SIGNALS__FILE"
ModelT = TypeVar("ModelT", bound=BaseModel)


class SiteFiles(NamedTuple):
    """What the site says about approval, objectives and signals, on top of what is shipped."""

    policy: Policy
    objectives: Objectives
    signals: SignalCatalogue


def load_site_files(settings: Settings) -> SiteFiles:
    """Read every file the settings name. Raises `Misconfigured` with the setting, the file and the line."""
    policy, objectives = settings.policy.file, settings.objectives.file
    return SiteFiles(
        policy=read_yaml(policy, Policy, "TRIAGE_POLICY__FILE") if policy else Policy(),
        objectives=read_yaml(objectives, Objectives, "TRIAGE_OBJECTIVES__FILE") if objectives else Objectives(),
        signals=_signals(settings.signals.file),
    )


def _signals(path: Path | None) -> SignalCatalogue:
    try:
        return load_catalogue(path)
    except Misconfigured as error:
        reasons = [str(error)]
        if path and isinstance(error.__cause__, ValidationError):
            reasons = _signal_problems(error.__cause__, path)
        raise Misconfigured("\n".join(f"{SIGNALS}: {reason}" for reason in reasons)) from error


def _signal_problems(error: ValidationError, path: Path) -> list[str]:
    root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    found = [(_blamed(root, item["loc"][1:], item["msg"]), item["msg"]) for item in error.errors()]
    return [
        f"{path}, line {_line(root, where)}, {where[0]}: {message}"
        if where
        else f"{path} is not a mapping of signal names to PromQL: {message}"
        for where, message in found
    ]


def _blamed(root: yaml.Node | None, where: tuple[int | str, ...], message: str) -> tuple[int | str, ...]:
    """The path of the entry that is wrong. What looks at all entries together quotes the name in its message."""
    if where or not isinstance(root, yaml.MappingNode):
        return where
    return tuple(str(key.value) for key, _ in root.value if repr(key.value) in message)[:1]


def read_yaml(path: Path, model: type[ModelT], setting: str) -> ModelT:
    """One file as `model`. `setting` is named in the error."""
    text = _read(path, setting)
    root = _composed(text, path, setting)
    try:
        return model.model_validate(yaml.safe_load(text) or {})
    except ValidationError as error:
        raise Misconfigured("\n".join(_problems(error, root, path, setting))) from error


def _read(path: Path, setting: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{setting}: cannot read {path}: {error}") from error


def _composed(text: str, path: Path, setting: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Misconfigured(f"{setting}: {path}, line {line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise Misconfigured(f"{setting}: {path} is not YAML: {error}") from error


def _problems(error: ValidationError, root: yaml.Node | None, path: Path, setting: str) -> list[str]:
    found = ((item["loc"], item["msg"]) for item in error.errors())
    return [
        f"{setting}: {path}, line {_line(root, where)}, {'.'.join(map(str, where)) or 'file'}: {message}"
        for where, message in found
    ]


def _line(root: yaml.Node | None, path: tuple[int | str, ...]) -> int:
    """The line of the deepest node on `path` that is in the file, counted from 1."""
    node, line = root, 1
    for part in path:
        entry = _child(node, part)
        if entry is None:
            break
        line, node = entry
    return line


def _child(node: yaml.Node | None, part: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        found = ((key.start_mark.line + 1, value) for key, value in node.value if key.value == part)
        return next(found, None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None
