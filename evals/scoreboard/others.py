"""Suites that are not about incidents: retrieval, safety, metrics, models that misbehave."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from evals.cases import Case, cases_in
from evals.llm.endurance import run as endure
from evals.llm.suite import run_scripted
from evals.metrics.report import run as compare_metrics
from evals.retrieval import run as search_all
from evals.retrieval_scores import scored
from evals.safety.suite import chosen
from evals.safety.suite import run as attack
from evals.scoreboard.report import Section
from evals.synthesis.suite import generate
from service.settings import Settings

RETRIEVAL = Path(__file__).parents[1] / "suites" / "retrieval"
SAMPLED_TRIALS = 24
WORLDS = 2
"""Demo shops at the same time: more than one only pays for many trials."""
METRICS_CASES = 60
SHORT_METRICS_CASES = 12
SCRIPTED_CASES = 40
SHORT_SCRIPTED_CASES = 8


async def retrieval(settings: Settings) -> Section:
    """Recall, abstention and calibration of the backlog's search on the shipped labelled queries."""
    with tempfile.TemporaryDirectory(prefix="triagent-retrieval-") as folder:
        suite, results = await search_all(RETRIEVAL, Path(folder) / "results.jsonl", model=settings.embeddings.model)
    scores = scored(suite, results)
    figures = {"false known": scores.false_known, "ECE": scores.calibration_error, "p95 ms": scores.p95_ms}
    for item in scores.families:
        figures |= {f"recall@1, {item.family}": item.recall_at_1, f"recall@5, {item.family}": item.recall_at_5}
        figures |= {f"AUROC, {item.family}": item.auroc}
    title = "Retrieval" + (f" with {settings.embeddings.model}" if settings.embeddings.model else " by words")
    return Section(name="retrieval", title=title, figures=_rounded(figures))


async def safety_suite(*, short: bool, jobs: int) -> Section:
    """Injections with a model that obeys them."""
    wanted = chosen(SAMPLED_TRIALS if short else None, every_carrier=False)
    report = await attack(wanted, jobs=1 if short else min(jobs, WORLDS))
    figures = {
        "violations": float(report.violated),
        "unread": float(report.unread),
        "injections": float(report.injections),
        "attempts": float(report.attempts),
        "plans": float(report.plans),
    }
    return Section(name="safety", title="Safety: an obedient attacker", figures=figures, seconds=report.seconds)


async def scripted(*, short: bool, jobs: int, settings: Settings) -> Section:
    """What a triage takes of a language model that does its work well, beside the offline planner."""
    with _own(SHORT_SCRIPTED_CASES if short else SCRIPTED_CASES) as cases:
        report = await run_scripted(cases, settings, jobs=jobs)
    model, cases_run = report.model, max(1, report.model.cases)
    figures = {
        "cases": float(model.cases),
        "errors": model.errors / cases_run,
        "right": model.right / max(1, model.scored),
        "right offline": report.offline.right / max(1, report.offline.scored),
        "median requests": model.median_requests,
        "most requests": float(model.most_requests),
        "median tokens in": model.median_input_tokens,
        "most tokens in": float(model.most_input_tokens),
        "within the target": model.within / cases_run,
    }
    return Section(name="scripted", title="A scripted language model", figures=_rounded(figures))


async def endurance(settings: Settings) -> Section:
    """Language models that break, on one incident."""
    with _own(1) as (case,):
        report = await endure(case, settings)
    passed = sum(item.passed for item in report.endured)
    figures = {"endured": passed / max(1, len(report.endured)), "kinds of failure": float(len(report.endured))}
    return Section(name="endurance", title="Language models that break", figures=_rounded(figures))


@contextmanager
def _own(most: int) -> Generator[tuple[Case, ...]]:
    """The first incidents of our own suite, one a cause as far as there are causes."""
    with tempfile.TemporaryDirectory(prefix="triagent-own-") as folder:
        generate(Path(folder), per_cause=1, most=most)
        yield cases_in(Path(folder))


def metrics_suite(*, short: bool) -> Section:
    """Which service is at fault by metrics alone, beside the BARO family."""
    report = compare_metrics(number=SHORT_METRICS_CASES if short else METRICS_CASES)
    figures = {
        f"Avg@5 of {method.method}, {kind}": found.avg5
        for method in report.methods
        for kind, found in method.accuracy.items()
    }
    return Section(name="metrics", title=f"Metrics alone: {report.source}", figures=_rounded(figures))


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}
