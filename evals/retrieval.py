"""`triagent evals retrieval`: a labelled suite through the product's own search, into a fresh embedded index."""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import InvalidInput
from domain.learning import KnowledgeQuery
from domain.model import Model
from knowledge.documents import Document, pattern_document, runbook_document
from knowledge.embedding import SentenceEmbedder
from knowledge.index import HybridIndex
from knowledge.ports import Embedder
from knowledge.ranking import Scorer
from knowledge.services import RunbookQueryService
from knowledge.sources import collect
from knowledge.stores.edge import EdgeStore

HITS = 10
M = TypeVar("M", bound=BaseModel)


class CorpusDocument(BaseModel):
    """A line of `corpus.jsonl`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    doc_id: str
    title: str
    text: str


class Query(BaseModel):
    """A line of `queries.jsonl`; any part but the id may be missing or null. Text longer than a search takes is cut."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    query_id: str
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    text: str | None = None

    @property
    def search(self) -> KnowledgeQuery:
        """The same question as the product asks it."""
        return KnowledgeQuery(
            labels=self.labels or {}, annotations=self.annotations or {}, text=(self.text or "")[:8000], limit=HITS
        )


class Expected(BaseModel):
    """A line of `expected.jsonl`: the right documents, none where the corpus has no answer."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    query_id: str
    doc_ids: tuple[str, ...]


class RankedDocument(Model):
    """One of a result's hits."""

    doc_id: str
    score: float


class Result(Model):
    """A line of the results. `confidence` and `known` are those of the best hit; `ms` is the search alone."""

    query_id: str
    hits: tuple[RankedDocument, ...]
    confidence: float
    known: bool
    ms: float


class Suite(Model):
    """A retrieval suite. `expected` is empty where the suite does not give its labels away."""

    documents: tuple[Document, ...]
    queries: tuple[Query, ...]
    expected: dict[str, tuple[str, ...]] = Field(default_factory=dict)


async def load_suite(folder: Path) -> Suite:
    """Read a suite. Without a `corpus.jsonl` the shipped runbooks and patterns are the corpus.

    Raises `InvalidInput` naming file and line.
    """
    corpus = folder / "corpus.jsonl"
    expected = _lines(folder / "expected.jsonl", Expected) if (folder / "expected.jsonl").exists() else ()
    return Suite(
        documents=tuple(map(_document, _lines(corpus, CorpusDocument))) if corpus.exists() else await _shipped(),
        queries=_lines(folder / "queries.jsonl", Query),
        expected={line.query_id: line.doc_ids for line in expected},
    )


@asynccontextmanager
async def fresh_index(
    suite: Suite, embedder: Embedder | None, scorer: Scorer | None = None
) -> AsyncGenerator[HybridIndex]:
    """An embedded index of the suite's corpus in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="triagent-retrieval-") as folder:
        index = HybridIndex(EdgeStore(Path(folder)), embedder, scorer=scorer)
        await index.refresh(suite.documents)
        yield index
        await index.close()


async def answered(index: HybridIndex, suite: Suite) -> tuple[Result, ...]:
    """Every query's result, in order."""
    service = RunbookQueryService(index)
    return tuple([await _result(service, query) for query in suite.queries])


async def run(folder: Path, out: Path, *, model: str = "") -> tuple[Suite, tuple[Result, ...]]:
    """Run the suite in `folder` and write one line a query to `out`."""
    suite = await load_suite(folder)
    async with fresh_index(suite, SentenceEmbedder(model) if model else None) as index:
        results = await answered(index, suite)
    lines = "".join(f"{result.model_dump_json()}\n" for result in results)
    await asyncio.to_thread(out.write_text, lines, encoding="utf-8")
    return suite, results


async def _result(service: RunbookQueryService, query: Query) -> Result:
    started = time.perf_counter()
    matches = await service.search(query.search)
    elapsed = (time.perf_counter() - started) * 1000
    return Result(
        query_id=query.query_id,
        hits=tuple(RankedDocument(doc_id=match.doc_id, score=match.score) for match in matches),
        confidence=matches[0].confidence if matches else 0.0,
        known=bool(matches) and matches[0].known,
        ms=round(elapsed, 3),
    )


def _document(line: CorpusDocument) -> Document:
    return Document(kind="runbook", doc_id=line.doc_id, title=line.title, body=line.text)


async def _shipped() -> tuple[Document, ...]:
    """Shipped patterns and runbooks as one corpus, so that either may answer."""
    with tempfile.TemporaryDirectory() as nowhere:
        collected = await collect((), Path(nowhere))
    patterns = (pattern_document(pattern).model_copy(update={"kind": "runbook"}) for pattern in collected.patterns)
    return (*patterns, *map(runbook_document, collected.runbooks))


def _lines(path: Path, model: type[M]) -> tuple[M, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    parsed: list[M] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            parsed.append(model.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InvalidInput(f"{path} line {number}: {where or 'the line'}: {first['msg']}") from error
    return tuple(parsed)
