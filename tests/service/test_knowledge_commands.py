"""`triagent knowledge` beside a running service with an embedded index."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from knowledge.stores.lock import FolderLock
from service.cli.app import build


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site's working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def taken(folder: Path) -> Iterator[FolderLock]:
    """What a running service holds."""
    lock = FolderLock(folder / ".triagent" / "qdrant")
    lock.acquire()
    yield lock
    lock.release()


def run(*arguments: str) -> Result:
    """`triagent knowledge`, at the folder's settings."""
    return CliRunner().invoke(build(), ["knowledge", *arguments], env={"COLUMNS": "200"}, catch_exceptions=False)


@pytest.mark.usefixtures("taken")
def test_search_finds_the_same_beside_a_running_service(folder: Path) -> None:
    """From the same documents; its own index is gone afterwards, and the service's is untouched."""
    found = run("search", "pods restart with OOMKilled")
    assert found.exit_code == 0
    assert "oom" in found.output.lower()
    assert [path.name for path in (folder / ".triagent" / "qdrant").iterdir()] == ["in-use.lock"]


@pytest.mark.usefixtures("taken")
def test_sync_leaves_the_index_to_the_running_service() -> None:
    """Which takes changes up by itself; nothing is wrong."""
    said = run("sync")
    assert said.exit_code == 0
    assert "the running service has the index; it takes changes up within 60 s" in said.output


def test_without_a_running_service_the_index_itself_is_used(folder: Path, taken: FolderLock) -> None:
    """Sync writes it, and search reads what was written, with the same answer as beside a service."""
    beside = run("search", "pods restart with OOMKilled").output
    taken.release()
    assert "0 removed" in run("sync").output
    assert any((folder / ".triagent" / "qdrant").glob("index-*"))
    assert run("search", "pods restart with OOMKilled").output == beside
