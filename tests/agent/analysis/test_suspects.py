from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from agent.anomalies import Anomaly
from agent.callgraph import CallGraph
from agent.situation import NOWHERE
from agent.suspects import suspects

ONSET = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALLS = CallGraph.of([("web", "cart"), ("web", "stock"), ("cart", "price"), ("stock", "price"), ("stock", "bin")])


def risen(service: str, signal: str, rise: float, score: float, *, late: float = 0, over: bool = False) -> Anomaly:
    return Anomaly(
        signal=signal,
        subject=service,
        before=1.0,
        now=1.0 + rise,
        score=score,
        onset=ONSET + timedelta(seconds=late),
        ongoing=not over,
        look=NOWHERE,
        over=over,
    )


def names(anomalies: Sequence[Anomaly], calls: CallGraph = CALLS) -> list[str]:
    return [item.service for item in suspects(anomalies, calls, ONSET)]


def test_a_victim_stands_behind_what_it_waits_for():
    """The caller's rise is larger, and explained by the callee's."""
    slow = [risen("web", "latency_p95", 1.2, 60), risen("cart", "latency_p95", 1.1, 40)]
    ranked = names(slow)
    assert ranked[0] == "cart"


def test_a_caller_that_rose_far_more_than_what_it_calls_is_suspect_itself():
    """A callee's small rise explains only as much."""
    slow = [risen("web", "latency_p95", 5.0, 60), risen("cart", "latency_p95", 0.2, 4)]
    assert names(slow)[0] == "web"


def test_what_a_service_uses_itself_tells_more_than_what_others_feel():
    """CPU that rose at the bottom of slow calls is the cause of them."""
    found = [
        risen("web", "latency_p95", 2.0, 50),
        risen("cart", "latency_p95", 2.0, 30),
        risen("price", "cpu_usage", 0.8, 30),
        risen("price", "latency_p95", 0.5, 8),
    ]
    assert names(found)[0] == "price"


def test_callers_that_nothing_explains_point_at_what_they_share():
    """A slow network on the way to a service shows in all that call it, and not in it."""
    found = [risen("cart", "latency_p95", 1.0, 20), risen("stock", "latency_p95", 1.0, 20)]
    ranked = suspects(found, CALLS, ONSET)
    shared = next(item for item in ranked if item.service == "price")
    alone = next(item for item in ranked if item.service == "bin")
    assert shared.weight > alone.weight
    assert shared.anomaly is None
    assert shared.statement is None


@pytest.mark.parametrize("burst", [{"late": 300.0}, {"over": True}])
def test_a_burst_that_comes_later_or_goes_by_itself_counts_less(burst: dict[str, float]):
    """A compaction in the middle of an incident is not its cause, however large."""
    found = [risen("bin", "disk_io", 90.0, 60, **burst), risen("price", "disk_io", 9.0, 20)]
    assert names(found, CallGraph())[0] == "price"


def test_what_fell_points_at_nobody():
    """Less traffic and idle CPUs are what all have when customers wait."""
    assert names([risen("cart", "request_rate", -0.5, 20), risen("price", "cpu_usage", -0.5, 20)]) == []


def test_a_suspect_says_what_rose_most():
    """The statement cites the two values that it names."""
    (first,) = suspects([risen("bin", "cpu_usage", 3.0, 9), risen("bin", "memory_usage", 1.0, 5)], CallGraph(), ONSET)
    assert first.statement is not None
    assert first.statement.text == "cpu_usage of bin rose from 1 to 4"
    assert len(first.statement.sightings) == 2
