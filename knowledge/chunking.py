"""Markdown cut by heading into chunks of bounded size, each carrying what its document is about."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from domain.learning import DocumentKind
from domain.model import Model, Timestamp
from knowledge.documents import Document

CHUNK_LIMIT = 1600
"""Characters of body text in a chunk: about 250 words, inside the window of small sentence models."""
CHUNKS_PER_DOCUMENT = 64
KEYWORDS_LIMIT = 2000
_HEADING = re.compile(r"^#{1,6}\s+(?P<title>.+?)\s*#*$")
_FENCE = re.compile(r"^\s*(```|~~~)")


class Chunk(Model):
    """A piece of a document as it is stored. `pattern` is the pattern's JSON, so that a hit needs no second read."""

    key: str
    digest: str
    kind: DocumentKind
    doc_id: str
    title: str
    keywords: str
    heading: str
    text: str
    position: int
    closed_at: Timestamp | None = None
    pattern: str | None = None


class Section(NamedTuple):
    """Text under one heading; `heading` is empty before the first."""

    heading: str
    text: str


def chunked(document: Document) -> tuple[Chunk, ...]:
    """The document's chunks in order, at least one and at most `CHUNKS_PER_DOCUMENT`."""
    sections = list(_packed(_sections(document.body))) or [Section("", "")]
    pattern = document.pattern.model_dump_json() if document.pattern else None
    return tuple(
        Chunk(
            key=document.key,
            digest=document.digest,
            kind=document.kind,
            doc_id=document.doc_id,
            title=document.title,
            keywords=" ".join(document.keywords)[:KEYWORDS_LIMIT],
            heading=section.heading,
            text=section.text,
            position=position,
            closed_at=document.closed_at,
            pattern=pattern,
        )
        for position, section in enumerate(sections[:CHUNKS_PER_DOCUMENT])
    )


def _sections(body: str) -> Iterator[Section]:
    """Text by heading. A `#` line inside a code fence is a comment, not a heading."""
    heading, lines, fenced = "", list[str](), False
    for line in body.splitlines():
        fenced ^= bool(_FENCE.match(line))
        title = None if fenced else _HEADING.match(line)
        if title is None:
            lines.append(line)
            continue
        yield Section(heading, "\n".join(lines).strip())
        heading, lines = title["title"], []
    yield Section(heading, "\n".join(lines).strip())


def _packed(sections: Iterator[Section]) -> Iterator[Section]:
    """Short neighbours together, long ones cut at paragraphs, so that chunks are of like size."""
    held = Section("", "")
    for section in sections:
        for piece in _pieces(section):
            if len(held.text) + len(piece.heading) + len(piece.text) + 2 <= CHUNK_LIMIT:
                held = _joined(held, piece)
                continue
            yield held
            held = piece
    if held.heading or held.text:
        yield held


def _joined(first: Section, second: Section) -> Section:
    if not first.text:
        return Section(" · ".join(part for part in (first.heading, second.heading) if part), second.text)
    return Section(first.heading, "\n".join(part for part in (first.text, second.heading, second.text) if part))


def _pieces(section: Section) -> Iterator[Section]:
    if len(section.text) <= CHUNK_LIMIT:
        yield section
        return
    held = ""
    for paragraph in section.text.split("\n\n"):
        if held and len(held) + len(paragraph) + 2 > CHUNK_LIMIT:
            yield Section(section.heading, held)
            held = ""
        held = f"{held}\n\n{paragraph}" if held else paragraph
        while len(held) > CHUNK_LIMIT:
            yield Section(section.heading, held[:CHUNK_LIMIT])
            held = held[CHUNK_LIMIT:]
    if held:
        yield Section(section.heading, held)
