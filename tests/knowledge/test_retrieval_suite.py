import asyncio
import json
from pathlib import Path

import pytest

from domain.errors import InvalidInput
from evals.cli import SHIPPED_SUITE
from evals.retrieval import answered, fresh_index, load_suite, run
from evals.retrieval_ablation import ablation, fitted
from evals.retrieval_scores import Scores, auroc, calibration_error, scored
from knowledge.ranking import Features


async def shipped_scores() -> Scores:
    suite = await load_suite(SHIPPED_SUITE)
    async with fresh_index(suite, None) as index:
        return scored(suite, await answered(index, suite))


@pytest.fixture(scope="module")
def scores() -> Scores:
    return asyncio.run(shipped_scores())


@pytest.mark.parametrize(
    ("family", "at_1", "at_5", "abstention"),
    [("alert", 0.90, 0.98, 0.93), ("annotations", 0.68, 0.91, 0.93), ("plain", 0.67, 0.93, 0.92)],
)
async def test_the_shipped_suite_meets_its_figures(
    scores: Scores, family: str, at_1: float, at_5: float, abstention: float
):
    """By words alone, recall and abstention are at least the figures this product set out to beat."""
    figures = next(item for item in scores.families if item.family == family)
    assert figures.recall_at_1 >= at_1
    assert figures.recall_at_5 >= at_5
    assert figures.auroc >= abstention


async def test_unanswerable_queries_are_rarely_known(scores: Scores):
    """Of 60 questions the shipped documents do not answer, at most one in twenty passes the threshold."""
    assert scores.unanswerable >= 50
    assert scores.false_known <= 0.05


async def test_the_default_is_what_the_ablation_says():
    """The shipped weights find at least as much at rank 1 as BM25 alone, over all kinds of query."""
    plain, default = await ablation(await load_suite(SHIPPED_SUITE))
    totals = [sum(f.recall_at_1 * f.queries for f in row.scores.families) for row in (plain, default)]
    assert totals[1] >= totals[0]


def write(folder: Path, name: str, *lines: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))


async def test_any_suite_of_the_format_runs(tmp_path: Path):
    """A corpus of free ids and titles, queries with any part missing: one line each, at most ten hits, best first."""
    corpus = [{"doc_id": f"Team/Ünïcode {n}.md", "title": "T" * 500, "text": f"disk {n} full"} for n in range(20)]
    write(tmp_path, "corpus.jsonl", *corpus, {"doc_id": "empty", "title": "", "text": ""})
    queries = [
        {"query_id": "a", "labels": {"alertname": "DiskFull"}, "annotations": {"summary": "disk 3 is full"}},
        {"query_id": "b", "text": "disk " * 4000},
        {"query_id": "c", "labels": None, "annotations": {"value": 7734}, "text": None},
    ]
    write(tmp_path, "queries.jsonl", *queries)
    await run(tmp_path, tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [set(line) for line in lines] == [{"query_id", "hits", "confidence", "known", "ms"}] * 3
    assert len(lines[0]["hits"]) == 10
    assert lines[0]["hits"] == sorted(lines[0]["hits"], key=lambda hit: -hit["score"])
    assert lines[0]["hits"][0]["doc_id"] == "Team/Ünïcode 3.md"
    assert lines[2]["known"] is False


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"query_id": [3]}', "line 2: query_id"),
        ("not json", "line 2: the line"),
        ('{"text": "x"}', "line 2: query_id"),
    ],
)
async def test_a_bad_line_is_named(tmp_path: Path, line: str, reason: str):
    """A broken suite stops with file and line, before anything is indexed."""
    write(tmp_path, "corpus.jsonl", {"doc_id": "a", "title": "A", "text": "a"})
    write(tmp_path, "queries.jsonl", {"query_id": "fine"}, line)
    with pytest.raises(InvalidInput, match=reason):
        await load_suite(tmp_path)


async def test_a_folder_without_queries_is_named(tmp_path: Path):
    """No suite, no run: the error names the file that is missing."""
    with pytest.raises(InvalidInput, match=r"queries\.jsonl cannot be read"):
        await load_suite(tmp_path)


def test_scores_mean_what_they_say():
    """AUROC counts ties as half; calibration error is the gap between said and seen."""
    assert auroc([0.9, 0.5], [0.5, 0.1]) == 0.875
    assert calibration_error([(0.75, True), (0.75, True), (0.75, True), (0.75, False)]) == 0.0
    assert calibration_error([(0.9, False)]) == 0.9


def test_fitting_finds_the_feature_that_tells():
    """On samples where only the lexical share decides, the fitted calibration follows it."""
    samples = [(Features(lexical=n / 100, title=0.5, dense=None), n > 30) for n in range(60)]
    calibration = fitted(samples)
    assert calibration(Features(0.1, 0.5, None)) < 0.2
    assert calibration(Features(0.55, 0.5, None)) > 0.8
