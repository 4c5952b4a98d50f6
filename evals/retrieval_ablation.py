"""Which way of ranking is best on a labelled suite, and how sure a hit of given features is."""

import math
from collections.abc import Sequence

from rich.table import Table

from domain.model import Model
from evals.retrieval import Suite, answered, fresh_index
from evals.retrieval_scores import Scores, scored
from knowledge.confidence import Calibration
from knowledge.embedding import SentenceEmbedder
from knowledge.index import HybridIndex
from knowledge.ranking import (
    BY_WORDS,
    BY_WORDS_AND_MEANING,
    Features,
    ReciprocalRanks,
    Scorer,
    WeightedSum,
)

WORDS_VARIANTS: tuple[tuple[str, Scorer], ...] = (
    ("BM25", WeightedSum(lexical=1, title=0, dense=0)),
    ("BM25 + title (default)", BY_WORDS),
)
MEANING_VARIANTS: tuple[tuple[str, Scorer], ...] = (
    ("dense", WeightedSum(lexical=0, title=0, dense=1)),
    ("RRF of BM25 and dense", ReciprocalRanks()),
    ("weighted BM25 + title + dense", WeightedSum(lexical=0.4, title=0.2, dense=0.4)),
    ("weighted BM25 + dense (default with a model)", BY_WORDS_AND_MEANING),
)
STEPS = 4000
RATE = 2.0
RIDGE = 1e-3


class Row(Model):
    """One variant and its figures."""

    variant: str
    scores: Scores


async def ablation(suite: Suite, *, model: str = "") -> tuple[Row, ...]:
    """Every variant on the suite; those that need a dense model only where one is given."""
    rows = [await _row(name, scorer, suite, None) for name, scorer in WORDS_VARIANTS]
    if model:
        embedder = SentenceEmbedder(model)
        rows += [await _row(name, scorer, suite, embedder) for name, scorer in MEANING_VARIANTS]
    return tuple(rows)


def table(rows: Sequence[Row]) -> Table:
    """Recall@1 / recall@5 and abstention AUROC by kind of query."""
    families = [figures.family for figures in rows[0].scores.families] if rows else []
    drawn = Table("variant", *(f"{name} R@1 / R@5 / AUROC" for name in families), "false known", "ECE", "p95 ms")
    for row in rows:
        cells = (f"{f.recall_at_1:.3f} / {f.recall_at_5:.3f} / {f.auroc:.3f}" for f in row.scores.families)
        scores = row.scores
        tail = (f"{scores.false_known:.3f}", f"{scores.calibration_error:.3f}", f"{scores.p95_ms:.1f}")
        drawn.add_row(row.variant, *cells, *tail)
    return drawn


async def samples(index: HybridIndex, suite: Suite) -> list[tuple[Features, bool]]:
    """Features of each labelled query's best hit, and whether that hit was right."""
    found: list[tuple[Features, bool]] = []
    for query in suite.queries:
        hits = await index.search(query.search, ("runbook",))
        if hits and query.query_id in suite.expected:
            found.append((hits[0].features, hits[0].chunk.doc_id in suite.expected[query.query_id]))
    return found


def fitted(labelled: Sequence[tuple[Features, bool]]) -> Calibration:
    """Logistic regression by gradient descent, lightly regularised: what `knowledge.confidence` ships."""
    rows = [(1.0, features.lexical, features.title, features.dense or 0.0) for features, _ in labelled]
    weights = [0.0] * 4
    for _ in range(STEPS):
        slope = [RIDGE * weight for weight in weights]
        for row, (_, right) in zip(rows, labelled, strict=True):
            miss = 1 / (1 + math.exp(-sum(w * x for w, x in zip(weights, row, strict=True)))) - right
            slope = [s + miss * x / len(rows) for s, x in zip(slope, row, strict=True)]
        weights = [weight - RATE * s for weight, s in zip(weights, slope, strict=True)]
    bias, lexical, title, dense = weights
    return Calibration(bias=bias, lexical=lexical, title=title, dense=dense)


async def _row(name: str, scorer: Scorer, suite: Suite, embedder: SentenceEmbedder | None) -> Row:
    async with fresh_index(suite, embedder, scorer) as index:
        return Row(variant=name, scores=scored(suite, await answered(index, suite)))
