from hypothesis import given
from hypothesis import strategies as st

from knowledge.chunking import CHUNK_LIMIT, CHUNKS_PER_DOCUMENT, chunked
from knowledge.documents import Document


def document(body: str) -> Document:
    return Document(kind="runbook", doc_id="r", title="A title", body=body)


@given(st.text(alphabet="ab #\n`", max_size=6000))
def test_chunks_are_bounded_in_size_and_number(body: str):
    """Whatever a document looks like, it yields between one and `CHUNKS_PER_DOCUMENT` chunks of bounded text."""
    chunks = chunked(document(body))
    assert 1 <= len(chunks) <= CHUNKS_PER_DOCUMENT
    assert all(len(chunk.text) <= CHUNK_LIMIT for chunk in chunks)


def test_long_documents_are_cut_at_headings():
    """A section too long to share a chunk starts its own, under its heading."""
    chunks = chunked(document("# One\n" + "word " * 250 + "\n# Two\n" + "other " * 250))
    assert [chunk.heading for chunk in chunks] == ["One", "Two"]
    assert "other" not in chunks[0].text


def test_comments_in_code_are_not_headings():
    """A `#` line inside a fence stays part of its section."""
    (chunk,) = chunked(document("# Run\n```sh\n# not a heading\nkubectl get pods\n```"))
    assert chunk.heading == "Run"
    assert "# not a heading" in chunk.text


def test_no_text_is_lost():
    """Every word of a document is in one of its chunks."""
    body = "\n\n".join(f"## Part {n}\n" + f"word{n} " * 90 for n in range(12))
    text = " ".join(f"{chunk.heading} {chunk.text}" for chunk in chunked(document(body)))
    assert all(f"word{n}" in text and f"Part {n}" in text for n in range(12))


def test_the_digest_follows_every_indexed_field():
    """A changed title, body or keyword gives another digest, so the index notices."""
    first = document("same")
    changed = [first.model_copy(update=u) for u in ({"title": "x"}, {"body": "y"}, {"keywords": ("z",)})]
    assert len({first.digest, *(other.digest for other in changed)}) == 4
