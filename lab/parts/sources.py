"""Where a server binary may come from: a Debian package, Go's module proxy, the Temporal SDK's own download."""

import asyncio
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from temporalio.testing import WorkflowEnvironment

from lab.environment import inherited
from lab.parts.cache import PartError

Say = Callable[[str], None]
"""Tells what is being done now, in a few words."""

LIMIT_S = 3600
"""The largest build on one slow core ends within it; a hung network does not hold the set-up for ever."""

MODULES = Path(__file__).with_name("modules")
"""The Go modules that pin what is built."""


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
    """Packages of Debian or Ubuntu, unpacked without being installed, so that it needs no root.

    `files` maps the name in the cache to the path inside the packages (a glob, the first match counts).
    """

    packages: tuple[str, ...]
    files: Mapping[str, str]
    name: ClassVar[str] = "Debian package"

    def missing(self) -> str | None:
        """`apt-get` and `dpkg-deb` must be there."""
        return _missing_tools("apt-get", "dpkg-deb")

    def provide(self, staged: Path, say: Say) -> None:
        """Download the packages with apt, which checks their signatures, and take the files out of them."""
        say("downloading the package")
        root = staged / "package"
        root.mkdir()
        self._download(root, say)
        say("unpacking")
        for deb in root.glob("*.deb"):
            _run(["dpkg-deb", "--extract", str(deb), str(root)])
        for name, inside in self.files.items():
            found = next(root.glob(inside), None)
            if found is None:
                raise PartError(f"{' and '.join(self.packages)} have no {inside}")
            shutil.copy2(found, staged / name)  # follows links: Debian's redis-server is one

    def _download(self, folder: Path, say: Say) -> None:
        command = ["apt-get", "download", "--quiet", *self.packages]
        try:
            _run(command, cwd=folder)
        except PartError:
            # No package lists, or lists too old to download by: fetch fresh ones beside the system's, as any user may.
            say("fetching package lists")
            own = _own_lists(folder)
            _run(["apt-get", "update", "--quiet", *own])
            say("downloading the package")
            _run([*command, *own], cwd=folder)


@dataclass(frozen=True)
class GoBuild:
    """Go commands, built from a module of the project: its go.mod and go.sum pin every version and checksum.

    `module` is a folder below `modules/`; `commands` maps the name in the cache to the Go package. `stamps` are
    link-time variables, so that the binaries say their version. `data` maps a name in the cache to files of a required
    module (module path, glob inside it), which are written one after the other as YAML documents.
    """

    module: str
    commands: Mapping[str, str]
    stamps: Mapping[str, str] = field(default_factory=dict[str, str])
    data: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    tags: str = ""
    name: ClassVar[str] = "built with Go"

    def missing(self) -> str | None:
        """`go` must be there."""
        return _missing_tools("go")

    def provide(self, staged: Path, say: Say) -> None:
        """Build them, telling how many packages are compiled so far."""
        say("looking at what is to be built")
        compiled = 0

        def count(line: str) -> None:
            nonlocal compiled
            if line.startswith("go: downloading "):
                say(line.removeprefix("go: "))
                return
            compiled += 1
            say(f"building with Go, {compiled} packages compiled")

        stamps = " ".join(f"-X {variable}={value}" for variable, value in self.stamps.items())
        flags = ["-v", "-trimpath", "-mod=readonly", f"-tags={self.tags}", f"-ldflags=-s -w {stamps}"]
        for name, package in self.commands.items():
            self._go("build", *flags, f"-o={staged / name}", package, each_line=count)
        for name, (module, files) in self.data.items():
            folder = Path(self._go("list", "-mod=readonly", "-m", "-f={{.Dir}}", module))
            (staged / name).write_text("\n---\n".join(each.read_text() for each in sorted(folder.glob(files))))

    def _go(self, *arguments: str, each_line: Say | None = None) -> str:
        # Without cgo the machine needs no C compiler; a workspace around the folder must not take part.
        env = {"CGO_ENABLED": "0", "GOWORK": "off"}
        return _run(["go", *arguments], cwd=MODULES / self.module, env=env, each_line=each_line)


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
) -> str:
    """Run a command to its end, handing on its output line by line; returns the last line.

    Raises PartError with the last lines of the output when the command fails.
    """
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
    return last[-1] if last else ""
