"""The signals catalogue of a site: our own names for common exporters' metrics, overlaid by the site's file."""

from importlib.resources import files
from pathlib import Path
from typing import cast

import yaml
from pydantic import ValidationError

from domain.errors import Misconfigured
from domain.signals import SignalCatalogue

DEFAULTS = "signals.yaml"


def load_catalogue(path: Path | None) -> SignalCatalogue:
    """The default catalogue, with the entries of the YAML file at `path` added or replacing.

    Raises `Misconfigured` for a file that cannot be read or is no catalogue, naming it.
    """
    defaults = _catalogue(files("agent").joinpath(DEFAULTS).read_text(encoding="utf-8"), DEFAULTS)
    if path is None:
        return defaults
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"cannot read the signals catalogue {path}: {exc}") from exc
    return defaults.overlaid(_catalogue(text, str(path)))


def _catalogue(text: str, name: str) -> SignalCatalogue:
    try:
        document = cast("object", yaml.safe_load(text))
        return SignalCatalogue.model_validate({"signals": document})
    except yaml.YAMLError as exc:
        raise Misconfigured(f"{name} is not YAML: {exc}") from exc
    except ValidationError as exc:
        reasons = "; ".join(str(item["msg"]) for item in exc.errors())
        raise Misconfigured(f"{name} is no signals catalogue (signal name: PromQL): {reasons}") from exc
