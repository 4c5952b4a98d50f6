"""The cache of server binaries: whole files only, one provisioning at a time for each part."""

import fcntl
import shutil
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from lab.environment import cache_dir, inherited


class PartError(RuntimeError):
    """A server binary is not to be had; the message names the ways out."""


def part(name: str) -> Path:
    """The binary or file `name` (`temporal`, `promtool`, `argocd-crds.yaml`, ...) in the cache.

    Raises PartError when it has not been provisioned.
    """
    path = bin_dir() / name
    if not path.exists():
        raise PartError(f"{name} is not set up: run `make setup` or `make lab-parts` (looked for {path})")
    return path


def bin_dir() -> Path:
    """The folder of the binaries, `${XDG_CACHE_HOME:-~/.cache}/triagent/bin`."""
    return cache_dir() / "bin"


def with_libraries(folder: Path) -> dict[str, str]:
    """The environment for a binary that came, with its shared libraries, out of an unpacked package."""
    return inherited({"LD_LIBRARY_PATH": str(folder)})


@contextmanager
def staging(name: str) -> Generator[Path]:
    """An empty folder on the cache's own file system, gone afterwards; what a killed run left behind goes first.

    Call it with the part's lock held.
    """
    for abandoned in bin_dir().glob(f".{name}-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=bin_dir(), prefix=f".{name}-") as folder:
        yield Path(folder)


@contextmanager
def locked(name: str) -> Generator[None]:
    """Hold the part's file lock, waiting for another process that provisions the same part."""
    bin_dir().mkdir(parents=True, exist_ok=True)
    with (bin_dir() / f".{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def publish(staged: Path, names: Iterable[str]) -> None:
    """Move the named files from the staging folder into the cache, each in one step.

    The first name goes last: it is the one whose presence says that the part is there.
    """
    for name in reversed(list(names)):
        (staged / name).replace(bin_dir() / name)


def link(target: Path, staged: Path, name: str) -> None:
    """Stage a link to a binary that the machine already has."""
    (staged / name).symlink_to(target.resolve())
