"""Programs that we start ourselves."""

import shutil
from pathlib import Path


def find_command(name: str, cache: Path) -> Path | None:
    """The program of that name on PATH, or the one in `cache` that the project's set-up put there."""
    found = shutil.which(name)
    candidates = [Path(found)] if found else []
    candidates.append(cache / "bin" / name)
    return next((path for path in candidates if path.is_file()), None)
