"""Our ranking of a case's services: the product's own scoring of signals and its own ranking of suspects."""

from datetime import UTC, datetime

from agent.callgraph import CallGraph
from agent.situation import Situation
from agent.suspects import suspects
from evals.metrics.layout import Case, scored_name
from evals.metrics.signals import signals_of


def service_ranks(case: Case, at: int, *, calls: bool = True) -> list[str]:
    """Services, most suspicious first, for an alert that came at `at` (Unix seconds); without those nothing points at.

    `calls`: whether the case's calls are known.
    """
    situation = Situation(
        now=datetime.fromtimestamp(case.times[-1], UTC),
        onset=datetime.fromtimestamp(at, UTC),
        signals=signals_of(case),
    )
    graph = CallGraph.of(case.calls) if calls else CallGraph()
    found = suspects(situation.anomalies, graph, situation.onset)
    return list(dict.fromkeys(scored_name(item.service) for item in found))
