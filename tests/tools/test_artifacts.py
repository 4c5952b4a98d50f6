from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import CorruptStore, NotFound
from domain.model import sha256
from tools.artifacts import Artifacts, DirectoryArtifacts, MemoryArtifacts


@pytest.fixture(params=["memory", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    return MemoryArtifacts() if request.param == "memory" else DirectoryArtifacts(tmp_path)


async def test_what_was_put_is_got_by_its_digest(store: Artifacts):
    """The digest is the SHA-256 of the content, and putting twice is putting once."""
    digest = await store.put(b"raw output")
    assert digest == sha256(b"raw output")
    assert await store.put(b"raw output") == digest
    assert await store.get(digest) == b"raw output"


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", "", "A" * 64])
async def test_what_is_not_there_is_not_found(store: Artifacts, digest: str):
    """An unknown digest, or something that is none, leads nowhere."""
    with pytest.raises(NotFound):
        await store.get(digest)


@given(data=st.binary(max_size=500))
async def test_any_bytes_come_back(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    """Content is kept as it is."""
    store = DirectoryArtifacts(tmp_path_factory.getbasetemp() / "artifacts")
    assert await store.get(await store.put(data)) == data


async def test_files_fan_out_and_leave_nothing_half_written(tmp_path: Path):
    """One file for one content, in folders by the digest's first digits."""
    store = DirectoryArtifacts(tmp_path)
    digest = await store.put(b"x" * 100_000)
    await store.put(b"x" * 100_000)
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [Path(digest[:2], digest[2:4], f"{digest}.gz")]
    assert (tmp_path / files[0]).stat().st_size < 1_000


@pytest.mark.parametrize("content", [b"not gzip", b""])
async def test_a_damaged_file_is_named(tmp_path: Path, content: bytes):
    """A file that no longer has its content says so, and which it is."""
    store = DirectoryArtifacts(tmp_path)
    digest = await store.put(b"raw output")
    file = next(path for path in tmp_path.rglob("*.gz"))
    file.write_bytes(content)
    with pytest.raises(CorruptStore, match=digest):
        await store.get(digest)


async def test_a_swapped_file_is_noticed(tmp_path: Path):
    """Content of another digest is not passed off as this one's."""
    store = DirectoryArtifacts(tmp_path)
    first, second = await store.put(b"one"), await store.put(b"two")
    files = {path.name[:64]: path for path in tmp_path.rglob("*.gz")}
    files[first].write_bytes(files[second].read_bytes())
    with pytest.raises(CorruptStore):
        await store.get(first)
