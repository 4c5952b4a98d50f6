"""Where a server binary may come from: a Debian package, Go's module proxy, the Temporal SDK's own download."""

import asyncio
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from temporalio.testing import WorkflowEnvironment

from lab.environment import inherited
from lab.parts.cache import PartError

Say = Callable[[str], None]
"""Tells what is being done now, in a few words."""

LIMIT_S = 1200
"""A build on one slow core ends within it; a hung network does not hold the set-up for ever."""


class Source(Protocol):
    """One way to get a part's binaries."""

    name: ClassVar[str]

    def missing(self) -> str | None:
        """Why this source cannot be used on this machine, or None when it can."""
        ...

    def provide(self, staged: Path, say: Say) -> None:
        """Put the binaries, under their names in the cache, into `staged`. Raises PartError."""
        ...


@dataclass(frozen=True)
class DebianPackage:
    """A package of Debian or Ubuntu, unpacked without being installed, so that it needs no root.

    `files` maps the name in the cache to the path inside the package.
    """

    package: str
    files: Mapping[str, str]
    name: ClassVar[str] = "Debian package"

    def missing(self) -> str | None:
        """`apt-get` and `dpkg-deb` must be there."""
        return _missing_tools("apt-get", "dpkg-deb")

    def provide(self, staged: Path, say: Say) -> None:
        """Download the package with apt, which checks its signature, and take the binaries out of it."""
        say("downloading the package")
        root = staged / "package"
        root.mkdir()
        deb = self._download(root, say)
        say("unpacking")
        _run(["dpkg-deb", "--extract", str(deb), str(root)])
        for name, inside in self.files.items():
            (root / inside).rename(staged / name)

    def _download(self, folder: Path, say: Say) -> Path:
        command = ["apt-get", "download", "--quiet", self.package]
        try:
            _run(command, cwd=folder)
        except PartError:
            # No package lists, or lists too old to download by: fetch fresh ones beside the system's, as any user may.
            say("fetching package lists")
            own = _own_lists(folder)
            _run(["apt-get", "update", "--quiet", *own])
            say("downloading the package")
            _run([*command, *own], cwd=folder)
        return next(folder.glob("*.deb"))


@dataclass(frozen=True)
class GoBuild:
    """Go commands at a pinned version, built from the module proxy and checked against Go's sum database.

    They are built as tools of an empty module, since `go install` refuses a module with `replace` lines.
    `packages` are paths inside the module; each gives a binary named as its last element. `release` is what they answer
    to `--version`.
    """

    module: str
    version: str
    packages: tuple[str, ...]
    release: str
    release_variable: str
    tags: str = ""
    name: ClassVar[str] = "built with Go"

    def missing(self) -> str | None:
        """`go` must be there."""
        return _missing_tools("go")

    def provide(self, staged: Path, say: Say) -> None:
        """Build them, telling how many packages are compiled so far."""
        building = staged / "module"
        building.mkdir()
        # Without cgo the machine needs no C compiler; a workspace around the current folder must not take part.
        env = {"CGO_ENABLED": "0", "GOWORK": "off"}
        packages = [f"{self.module}/{package}" for package in self.packages]
        say("downloading modules")
        _run(["go", "mod", "init", "lab.invalid/part"], cwd=building, env=env)
        _run(["go", "get", "-tool", *(f"{each}@v{self.version}" for each in packages)], cwd=building, env=env)
        compiled = 0

        def count(line: str) -> None:
            nonlocal compiled
            compiled += 1
            say(f"building with Go, {compiled} packages compiled")

        flags = f"-s -w -X {self.release_variable}={self.release}"
        build = [
            "go",
            "build",
            "-v",
            "-trimpath",
            f"-tags={self.tags}",
            f"-ldflags={flags}",
            f"-o={staged}/",
            *packages,
        ]
        _run(build, cwd=building, env=env, each_line=count)


@dataclass(frozen=True)
class TemporalDownload:
    """The Temporal SDK's own download of the dev server."""

    name: ClassVar[str] = "Temporal SDK's download"

    def missing(self) -> str | None:
        """The SDK is a dependency, so it is always there."""
        return None

    def provide(self, staged: Path, say: Say) -> None:
        """Let the SDK download and start a dev server, stop it, keep the binary."""
        say("downloading through the Temporal SDK")
        try:
            asyncio.run(asyncio.wait_for(_start_and_stop(staged), LIMIT_S))
        except (RuntimeError, TimeoutError) as exc:
            raise PartError(f"the Temporal SDK's download failed: {str(exc)[:256]}") from exc
        next(staged.glob("temporal*")).rename(staged / "temporal")


async def _start_and_stop(folder: Path) -> None:
    environment = await WorkflowEnvironment.start_local(download_dest_dir=str(folder))
    await environment.shutdown()


def _missing_tools(*tools: str) -> str | None:
    absent = [tool for tool in tools if shutil.which(tool) is None]
    return f"no {' or '.join(absent)} on PATH" if absent else None


def _own_lists(folder: Path) -> list[str]:
    """Options that make apt keep package lists and caches in `folder` instead of the system's."""
    lists, archives = folder / "lists", folder / "archives"
    for made in (lists, archives):
        (made / "partial").mkdir(parents=True)
    return [
        f"-oDir::State::Lists={lists}",
        f"-oDir::Cache::Archives={archives}",
        f"-oDir::Cache::pkgcache={folder / 'pkgcache.bin'}",
        f"-oDir::Cache::srcpkgcache={folder / 'srcpkgcache.bin'}",
    ]


def _run(
    argv: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, each_line: Say | None = None
) -> None:
    """Run a command to its end, handing on its output line by line; raises PartError with the last lines of it."""
    last: deque[str] = deque(maxlen=5)
    with subprocess.Popen(
        argv, cwd=cwd, env=inherited(env or {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        limit = threading.Timer(LIMIT_S, process.kill)
        limit.start()
        for line in process.stdout or ():
            last.append(line.strip())
            if each_line is not None:
                each_line(line.strip())
        limit.cancel()
    if process.returncode != 0:
        raise PartError(f"`{argv[0]} {argv[1]}` ended with {process.returncode}: {' | '.join(last)[-512:]}")
