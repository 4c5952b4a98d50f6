import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from lab.parts import PartError, part
from lab.parts.cache import bin_dir
from lab.parts.catalogue import PARTS, Binary, Part
from lab.parts.provision import provision
from lab.parts.sources import MODULES, DebianPackage, GoBuild, Say, Source


def quiet(_text: str) -> None:
    """Progress nobody watches."""


def script(path: Path, body: str) -> Path:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def server_part(*sources: Source, oldest: tuple[int, ...] = (2, 0)) -> Part:
    """A part of two binaries, like Prometheus with promtool."""
    return Part(
        binaries=(Binary(("servd", "debian-servd")), Binary(("servtool",))),
        version_pattern=re.compile(r"servd (\d+(?:\.\d+)+)"),
        oldest=oldest,
        sources=sources,
        way_out="put `servd` on PATH",
    )


@dataclass(frozen=True)
class Workshop:
    """A source that makes the binaries itself; `calls` is a file that gets one line for each time it is asked."""

    calls: Path
    breaks: bool = False
    name: ClassVar[str] = "workshop"

    def missing(self) -> str | None:
        """It is always at hand."""
        return None

    def provide(self, staged: Path, say: Say) -> None:
        """Write the tool, then the server, breaking in between if told to."""
        with self.calls.open("a") as calls:
            calls.write("asked\n")
        say("working")
        script(staged / "servtool", "exit 0")
        if self.breaks:
            raise PartError("the workshop burnt down")
        script(staged / "servd", "echo servd 2.5.1")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a shell script first on PATH."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return lambda name, body: script(folder / name, body)


def test_a_part_that_is_not_set_up_says_how_to_set_it_up() -> None:
    """Looking up an absent binary names `make setup`."""
    with pytest.raises(PartError, match="make setup"):
        part("prometheus")


def test_a_provisioned_part_is_found_and_not_provisioned_again(tmp_path: Path) -> None:
    """The second run uses what the first one put into the cache."""
    servd = server_part(Workshop(tmp_path / "calls"))
    assert provision(servd, quiet) == "2.5.1 (workshop)"
    assert provision(servd, quiet) == "2.5.1 (cached)"
    assert (tmp_path / "calls").read_text() == "asked\n"
    assert part("servtool").parent == bin_dir()


def test_binaries_on_path_are_linked(tmp_path: Path, on_path: Callable[[str, str], Path]) -> None:
    """A machine that has the server, under its distribution's name, needs no source."""
    installed = on_path("debian-servd", "echo servd 2.1.0")
    on_path("servtool", "exit 0")
    assert provision(server_part(Workshop(tmp_path / "calls")), quiet) == f"2.1.0 (linked to {installed})"
    assert part("servd").resolve() == installed
    assert not (tmp_path / "calls").exists()


def test_an_old_binary_on_path_is_passed_over(tmp_path: Path, on_path: Callable[[str, str], Path]) -> None:
    """A version below the oldest that will do counts as absent."""
    on_path("servd", "echo servd 1.9.9")
    on_path("servtool", "exit 0")
    assert provision(server_part(Workshop(tmp_path / "calls")), quiet) == "2.5.1 (workshop)"


def test_half_of_a_part_on_path_is_passed_over(tmp_path: Path, on_path: Callable[[str, str], Path]) -> None:
    """A server without its tool is not linked."""
    on_path("servd", "echo servd 2.1.0")
    assert provision(server_part(Workshop(tmp_path / "calls")), quiet) == "2.5.1 (workshop)"


def test_a_broken_binary_in_the_cache_is_replaced(tmp_path: Path) -> None:
    """A cached binary that does not run is provisioned anew."""
    bin_dir().mkdir(parents=True)
    script(bin_dir() / "servd", "exit 1")
    script(bin_dir() / "servtool", "exit 0")
    assert provision(server_part(Workshop(tmp_path / "calls")), quiet) == "2.5.1 (workshop)"


def test_a_failed_source_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    """What broke half-way is not there; the error has the reason and the way out."""
    with pytest.raises(PartError, match=r"workshop: the workshop burnt down.*put `servd` on PATH"):
        provision(server_part(Workshop(tmp_path / "calls", breaks=True)), quiet)
    assert [path.name for path in bin_dir().iterdir()] == [".servd.lock"]


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    """Staging folders do not pile up in the cache."""
    (bin_dir() / ".servd-abandoned").mkdir(parents=True)
    provision(server_part(Workshop(tmp_path / "calls")), quiet)
    assert not (bin_dir() / ".servd-abandoned").exists()


def test_runs_at_the_same_time_provision_once(tmp_path: Path) -> None:
    """A second run waits for the first and uses its result."""
    servd = server_part(Workshop(tmp_path / "calls"))
    with ThreadPoolExecutor(4) as threads:
        results = sorted(threads.map(provision, [servd] * 4, [quiet] * 4))
    assert results == ["2.5.1 (cached)"] * 3 + ["2.5.1 (workshop)"]
    assert (tmp_path / "calls").read_text() == "asked\n"


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no Debian tools")
def test_a_debian_package_is_unpacked_even_without_package_lists(
    tmp_path: Path, on_path: Callable[[str, str], Path]
) -> None:
    """Where apt knows no package, fresh lists are fetched into the staging folder, which needs no root."""
    package = tmp_path / "package"
    (package / "DEBIAN").mkdir(parents=True)
    control = "Package: servd\nVersion: 2.4\nArchitecture: all\nMaintainer: nobody\nDescription: serves\n"
    (package / "DEBIAN/control").write_text(control)
    (package / "bin").mkdir()
    script(package / "bin/servd", "echo servd 2.4.0")
    script(package / "bin/servtool", "exit 0")
    build = ["dpkg-deb", "--build", package, tmp_path / "servd.deb"]
    subprocess.run(build, check=True, capture_output=True)
    on_path(
        "apt-get",
        f"""lists=$(echo "$@" | sed -n 's/.*Dir::State::Lists=\\([^ ]*\\).*/\\1/p')
case "$1" in
update) touch "$lists/servd" ;;
download) [ -n "$lists" ] && [ -e "$lists/servd" ] && cp {tmp_path}/servd.deb . ;;
esac""",
    )
    debian = DebianPackage(("servd",), {"servd": "bin/servd", "servtool": "bin/servtool"})
    assert provision(server_part(debian), quiet) == "2.4.0 (Debian package)"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a Go module that is there."""
    monkeypatch.setattr("lab.parts.sources.MODULES", tmp_path / "modules")
    (tmp_path / "modules/servd").mkdir(parents=True)
    return "servd"


def test_a_go_build_reports_the_packages_it_compiles(on_path: Callable[[str, str], Path], module: str) -> None:
    """Progress is told while Go works, and the binaries end up in the cache."""
    on_path(
        "go",
        """case "$1 $2" in
"build -v")
    for o in "$@"; do case $o in -o=*) out=${o#-o=} ;; esac; done
    echo go: downloading example.org v1.0.0; echo example.org/a; echo example.org/b
    printf '#!/bin/sh\\necho servd 3.1.0\\n' > "$out"; chmod +x "$out" ;;
esac""",
    )
    said: list[str] = []
    source = GoBuild(module, {"servd": "example.org/cmd/servd", "servtool": "example.org/cmd/servtool"})
    assert provision(server_part(source), said.append) == "3.1.0 (built with Go)"
    assert said[-1] == "building with Go, 4 packages compiled"


def test_files_of_a_go_module_come_with_its_binaries(
    tmp_path: Path, on_path: Callable[[str, str], Path], module: str
) -> None:
    """They are joined as YAML documents, in the order of their names."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "b-crd.yaml").write_text("kind: B\n")
    (sources / "a-crd.yaml").write_text("kind: A\n")
    on_path("go", f'if [ "$1" = list ]; then echo {sources}; fi')
    GoBuild(module, {}, data={"crds.yaml": ("example.org", "*-crd.yaml")}).provide(tmp_path, quiet)
    assert (tmp_path / "crds.yaml").read_text() == "kind: A\n\n---\nkind: B\n"


def test_a_failing_tool_is_quoted(on_path: Callable[[str, str], Path], module: str) -> None:
    """The error carries the tool's own last words."""
    on_path("go", "echo no route to the module proxy; exit 1")
    with pytest.raises(PartError, match=r"`go build` ended with 1: no route to the module proxy"):
        provision(server_part(GoBuild(module, {"servd": "example.org"})), quiet)


@pytest.mark.parametrize(
    "build", [source for each in PARTS.values() for source in each.sources if isinstance(source, GoBuild)]
)
def test_every_go_build_is_pinned(build: GoBuild) -> None:
    """Its module has checksums, and names each command that is built from it as a tool."""
    module = MODULES / build.module
    assert (module / "go.sum").read_text()
    tools = re.findall(r"^(?:tool )?\s*(\S+/\S+)$", (module / "go.mod").read_text(), re.MULTILINE)
    assert set(build.commands.values()) <= set(tools)


def test_the_command_refuses_unknown_parts() -> None:
    """A typo is an error that lists the known parts."""
    run = subprocess.run([sys.executable, "-m", "lab.parts", "tempral"], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "temporal, prometheus, alertmanager" in run.stderr
