"""The one place of the lab that reads the process's environment."""

import os
from collections.abc import Mapping
from pathlib import Path


def cache_dir() -> Path:
    """Where the lab keeps the servers it provisioned: `triagent/` in the user's cache folder.

    A relative `XDG_CACHE_HOME` counts as unset, as the XDG Base Directory Specification asks.
    """
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = configured if configured.is_absolute() else Path.home() / ".cache"
    return base / "triagent"


def inherited(extra: Mapping[str, str], *, without_prefix: str | None = None) -> dict[str, str]:
    """This process's environment with `extra` on top, for a child process.

    `without_prefix` leaves out variables that start with it: a demo must not pick up the settings of the user's own
    installation.
    """
    dropped = {key for key in os.environ if without_prefix is not None and key.startswith(without_prefix)}
    return {key: value for key, value in os.environ.items() if key not in dropped} | dict(extra)
