"""A backlog in memory, an index in a folder, and the library over both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from knowledge.index import HybridIndex
from knowledge.library import Knowledge
from knowledge.stores.edge import EdgeStore
from tests.knowledge.builders import MemoryBacklog


@pytest.fixture
def backlog() -> MemoryBacklog:
    return MemoryBacklog()


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[HybridIndex]:
    opened = HybridIndex(EdgeStore(tmp_path / "qdrant"))
    yield opened
    await opened.close()


@pytest.fixture
async def knowledge(index: HybridIndex, backlog: MemoryBacklog, tmp_path: Path) -> Knowledge:
    library = Knowledge(index, backlog, checkouts=tmp_path / "checkouts")
    await library.refresh()
    return library
