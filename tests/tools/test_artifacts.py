import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import NotFound
from domain.model import sha256
from tools.artifacts import MemoryArtifacts


async def test_what_was_put_is_got_by_its_digest():
    """The digest is the SHA-256 of the content, and putting twice is putting once."""
    store = MemoryArtifacts()
    digest = await store.put(b"raw output")
    assert digest == sha256(b"raw output")
    assert await store.put(b"raw output") == digest
    assert await store.get(digest) == b"raw output"


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", "", "A" * 64])
async def test_what_is_not_there_is_not_found(digest: str):
    """An unknown digest, or something that is none, leads nowhere."""
    with pytest.raises(NotFound):
        await MemoryArtifacts().get(digest)


@given(data=st.binary(max_size=500))
async def test_any_bytes_come_back(data: bytes):
    """Content is kept as it is."""
    store = MemoryArtifacts()
    assert await store.get(await store.put(data)) == data
