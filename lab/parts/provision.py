"""Brings one part into the cache: what is there is used, then what is on PATH, then the part's sources in order."""

import shutil
import subprocess
from pathlib import Path

from lab.parts.cache import PartError, bin_dir, link, locked, publish, staging, with_libraries
from lab.parts.catalogue import Binary, Part
from lab.parts.sources import Say


def provision(part: Part, say: Say) -> str:
    """Make sure that the part is in the cache; returns its version and where it was found.

    Safe to run from several processes at once. Raises PartError, naming the ways out, when there is no way.
    """
    with locked(part.name):
        version = _version(part, bin_dir())
        if version is not None:
            return f"{version} (cached)"
        with staging(part.name) as staged:
            origin = _from_path(part, staged) or _from_sources(part, staged, say)
            version = _version(part, staged)
            if version is None:
                raise PartError(f"{part.name} from {origin} does not run or is too old: {part.way_out}")
            publish(staged, _published(part, staged))
        return f"{version} ({origin})"


def _published(part: Part, staged: Path) -> list[str]:
    """The part's files, the one that tells its version first."""
    libraries = [name for name in part.libraries if (staged / name).exists()]
    return [*(binary.name for binary in part.binaries), *part.data, *libraries]


def _from_path(part: Part, staged: Path) -> str | None:
    """Link the machine's own binaries, if all of them are there and recent enough."""
    found = {binary.name: _on_this_machine(part, binary) for binary in part.binaries}
    for name, path in found.items():
        if path is not None:
            link(Path(path), staged, name)
    if _version(part, staged) is not None:
        return f"linked to {found[part.name]}"
    for name in found:
        (staged / name).unlink(missing_ok=True)
    return None


def _on_this_machine(part: Part, binary: Binary) -> str | None:
    root = Path("/")
    folders = [str(folder) for pattern in part.folders for folder in sorted(root.glob(pattern), reverse=True)]
    places = (None, *folders)  # None: PATH
    return next(filter(None, (shutil.which(name, path=place) for place in places for name in binary.names)), None)


def _from_sources(part: Part, staged: Path, say: Say) -> str:
    refused: list[str] = []
    for source in part.sources:
        missing = source.missing()
        if missing is not None:
            refused.append(f"{source.name}: {missing}")
            continue
        try:
            source.provide(staged, say)
        except PartError as exc:
            refused.append(f"{source.name}: {exc}")
        else:
            return source.name
    raise PartError(f"{part.name} is not to be had here ({'; '.join(refused)}). Way out: {part.way_out}")


def _version(part: Part, folder: Path) -> str | None:
    """The version of the part in `folder`; None when it is incomplete, does not run, or is too old."""
    if not all((folder / name).exists() for name in (*(binary.name for binary in part.binaries), *part.data)):
        return None
    try:
        # The binary is the one just provisioned, by an absolute path.
        shown = subprocess.run(
            [folder / part.name, *part.version_arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            env=with_libraries(folder),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = part.version_pattern.search(shown.stdout + shown.stderr)
    if match is None or tuple(map(int, match[1].split("."))) < part.oldest:
        return None
    return match[1]
