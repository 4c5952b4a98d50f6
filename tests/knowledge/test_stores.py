import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from domain.errors import CorruptStore, Misconfigured, UpstreamUnavailable
from domain.learning import KnowledgeQuery
from knowledge.assembly import IndexOptions, open_index
from knowledge.documents import Document
from knowledge.index import HybridIndex
from knowledge.ports import ChunkStore
from knowledge.stores.edge import EdgeStore
from knowledge.stores.lock import FolderInUse
from knowledge.stores.server import ServerStore

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning")
QUERY = KnowledgeQuery(text="disk is full")


class ByLength:
    """An `Embedder` that knows how long a text is: enough to see that vectors are stored and compared."""

    size = 2

    def __init__(self, identity: str = "by-length") -> None:
        self.identity = identity
        self.embedded = 0

    def documents(self, texts: Sequence[str]) -> list[list[float]]:
        self.embedded += len(texts)
        return [self.query(text) for text in texts]

    def query(self, text: str) -> list[float]:
        share = min(1.0, len(text) / 200)
        return [share, (1 - share**2) ** 0.5]


@pytest.fixture(params=["embedded", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ChunkStore:
    if request.param == "embedded":
        return EdgeStore(tmp_path / "qdrant")
    return ServerStore(QdrantClient(path=str(tmp_path / "server")))


def runbook(doc_id: str, body: str) -> Document:
    return Document(kind="runbook", doc_id=doc_id, title=doc_id.title(), body=body)


DOCUMENTS = [
    runbook("disk", "No space left: the disk of the volume is full."),
    runbook("dns", "Names do not resolve in the cluster."),
    Document(kind="pattern", doc_id="disk-pattern", title="Disk full", body="disk full"),
]


async def found(index: HybridIndex, query: KnowledgeQuery = QUERY) -> list[str]:
    return [hit.chunk.doc_id for hit in await index.search(query, ("runbook",))]


async def test_both_stores_give_the_same_answer(tmp_path: Path):
    """Embedded or on a server: the same documents, only of the kinds asked for, in the same order, equally sure."""
    answers: list[list[tuple[str, float]]] = []
    for store in (EdgeStore(tmp_path / "qdrant"), ServerStore(QdrantClient(":memory:"))):
        index = HybridIndex(store, ByLength())
        await index.refresh(DOCUMENTS)
        hits = await index.search(QUERY, ("runbook",))
        answers.append([(hit.chunk.doc_id, round(hit.score, 4)) for hit in hits])
        await index.close()
    assert answers[0] == answers[1]
    assert [doc_id for doc_id, _ in answers[0]] == ["disk", "dns"]


async def test_documents_that_did_not_change_are_not_read_again(store: ChunkStore, monkeypatch: pytest.MonkeyPatch):
    """A refresh every minute costs nothing while nothing changes; the first one that finds a change reads all."""
    index = HybridIndex(store)
    await index.refresh(DOCUMENTS)
    reads: list[str] = []
    contents = store.contents
    monkeypatch.setattr(store, "contents", lambda: reads.append("all") or contents())
    await index.refresh(DOCUMENTS)
    assert reads == []
    await index.refresh(DOCUMENTS[:2])
    assert reads == ["all"]
    await index.close()


async def test_a_collection_that_vanished_is_filled_again():
    """Somebody deleted it on the server: the next refresh of the same documents writes all of them."""
    client = QdrantClient(":memory:")
    index = HybridIndex(ServerStore(client))
    await index.refresh(DOCUMENTS)
    for collection in client.get_collections().collections:
        client.delete_collection(collection.name)
    assert (await index.refresh(DOCUMENTS)).written == 3
    assert await found(index) == ["disk"]


async def test_a_refresh_writes_only_what_changed(store: ChunkStore):
    """The second refresh of the same documents writes nothing; a changed and a missing one are seen."""
    index = HybridIndex(store)
    assert (await index.refresh(DOCUMENTS)).written == 3
    assert (await index.refresh(DOCUMENTS)).unchanged == 3
    changes = await index.refresh([runbook("disk", "Now it is about something else."), DOCUMENTS[2]])
    assert (changes.written, changes.removed, changes.unchanged) == (1, 1, 1)
    assert await found(index, KnowledgeQuery(text="resolve names")) == []
    await index.close()


async def test_put_replaces_a_document_at_once(store: ChunkStore):
    """A document put again is found by its new words and no longer by its old ones."""
    index = HybridIndex(store)
    await index.refresh(DOCUMENTS)
    await index.put([runbook("disk", "Certificates expire.")])
    assert await found(index, KnowledgeQuery(text="certificate expired")) == ["disk"]
    assert await found(index, KnowledgeQuery(text="space left volume")) == []
    await index.close()


async def test_words_and_meaning_are_both_scored(store: ChunkStore):
    """With a dense model every hit carries its cosine, also those found by words alone."""
    index = HybridIndex(store, ByLength())
    await index.refresh(DOCUMENTS)
    hits = await index.search(QUERY, ("runbook",))
    assert {hit.chunk.doc_id for hit in hits} == {"disk", "dns"}
    assert all(hit.features.dense is not None for hit in hits)
    assert {hit.chunk.doc_id: hit.features.lexical > 0 for hit in hits} == {"disk": True, "dns": False}
    await index.close()


async def test_another_model_makes_another_index(store: ChunkStore):
    """Vectors of one model are never compared with those of another: everything is embedded afresh."""
    for number, identity in enumerate(("a", "a", "b")):
        embedder = ByLength(identity)
        index = HybridIndex(store, embedder)
        await index.refresh(DOCUMENTS)
        assert embedder.embedded == (0 if number == 1 else 3)
        if isinstance(store, EdgeStore):
            await index.close()


async def test_an_embedded_index_survives_a_restart(tmp_path: Path):
    """A new process finds what the one before it stored, without writing anything."""
    first = HybridIndex(EdgeStore(tmp_path))
    await first.refresh(DOCUMENTS)
    await first.close()
    second = HybridIndex(EdgeStore(tmp_path))
    assert (await second.refresh(DOCUMENTS)).unchanged == 3
    assert await found(second) == ["disk"]
    await second.close()


def overwrite(path: Path) -> None:
    path.write_bytes(b"not what it was")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:7])


@pytest.mark.parametrize("damage", [overwrite, truncate])
@pytest.mark.parametrize("name", ["edge_config.json", "segment.json", "config.json"])
async def test_a_corrupt_folder_says_what_to_do(tmp_path: Path, name: str, damage: Callable[[Path], None]):
    """A damaged index is an error that names the folder and the way out, whichever file is hit."""
    index = HybridIndex(EdgeStore(tmp_path))
    await index.refresh(DOCUMENTS)
    await index.close()
    for path in tmp_path.rglob(name):
        damage(path)
    with pytest.raises(CorruptStore, match=rf"{tmp_path}.*delete that folder"):
        await HybridIndex(EdgeStore(tmp_path)).refresh(DOCUMENTS)


async def test_a_panic_of_the_engine_is_a_corrupt_store(tmp_path: Path):
    """Damage that makes the engine panic ends as the same clear error, not as the end of the process."""
    index = HybridIndex(EdgeStore(tmp_path))
    await index.refresh(runbook(f"r{n}", f"text {n}") for n in range(50))
    await index.close()
    for path in tmp_path.rglob("payload_storage/tracker.dat"):
        path.write_bytes(b"\xa5" * path.stat().st_size)
    with pytest.raises(CorruptStore, match="delete that folder"):
        await HybridIndex(EdgeStore(tmp_path)).refresh(DOCUMENTS)


OPEN_IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from domain.errors import Misconfigured
from knowledge.stores.edge import EdgeStore
try:
    EdgeStore(Path(sys.argv[1])).open(sys.argv[2], None)
except Misconfigured as error:
    print(error)
"""


async def test_a_folder_in_use_says_so_and_harms_nobody(tmp_path: Path):
    """A second process is refused with the folder and the way out; the first one goes on writing."""
    index = HybridIndex(EdgeStore(tmp_path))
    await index.refresh(DOCUMENTS)
    command = [sys.executable, "-c", OPEN_IN_ANOTHER_PROCESS, str(tmp_path), index.identity]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout  # noqa: ASYNC221
    assert f"{tmp_path} is in use" in refused
    assert "TRIAGE_QDRANT__URL" in refused
    await index.put([runbook("new", "Certificates expire.")])
    assert await found(index, KnowledgeQuery(text="certificate expired")) == ["new"]
    await index.close()


async def test_a_folder_is_free_again_after_it_was_closed(tmp_path: Path):
    """Within one process two stores are kept apart as well; closing lets the next one in."""
    first, second = HybridIndex(EdgeStore(tmp_path)), HybridIndex(EdgeStore(tmp_path))
    await first.refresh(DOCUMENTS)
    with pytest.raises(FolderInUse, match=str(tmp_path)):
        await second.refresh(DOCUMENTS)
    await first.close()
    assert (await second.refresh(DOCUMENTS)).unchanged == 3
    await second.close()


async def test_a_folder_that_cannot_be_used_names_the_setting(tmp_path: Path):
    """A file where the folder should be is the setting's mistake."""
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="TRIAGE_QDRANT__PATH"):
        await HybridIndex(EdgeStore(tmp_path / "file")).refresh(DOCUMENTS)


async def test_searching_before_the_first_refresh_is_refused(tmp_path: Path):
    """An index nobody opened says so instead of finding nothing."""
    with pytest.raises(Misconfigured, match="refresh"):
        await found(HybridIndex(EdgeStore(tmp_path)))


async def test_a_server_that_is_down_is_unavailable():
    """A Qdrant server that does not answer is an upstream error that durable callers may retry."""
    index = open_index(IndexOptions(url="http://127.0.0.1:9"))
    with pytest.raises(UpstreamUnavailable, match="qdrant"):
        await index.refresh(DOCUMENTS)
    await index.close()


async def test_searches_and_writes_may_overlap(tmp_path: Path):
    """Searching while documents are written neither fails nor loses a document."""
    index = HybridIndex(EdgeStore(tmp_path))
    await index.refresh(DOCUMENTS)
    writes = [index.put([runbook(f"new-{n}", f"unique{n} words")]) for n in range(20)]
    await asyncio.gather(*writes, *(found(index) for _ in range(50)))
    for n in range(20):
        assert await found(index, KnowledgeQuery(text=f"unique{n}")) == [f"new-{n}"]
    await index.close()
