"""What counts is what happens now: the latest episode, the deeper of two fallen ill together; releases, not fixes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.anomalies import anomaly_of
from agent.situation import Situation
from tests.agent.analysis.conftest import Top
from tests.agent.analysis.shapes import (
    METRICS,
    NOW,
    calls,
    container,
    deployment,
    endpoints,
    node,
    pod,
    replica_set,
    series,
    service,
    signals,
    situation,
    step,
    well,
)


@given(st.integers(10, 40), st.integers(4, 12), st.integers(3, 9))
def test_the_latest_episode_wins_over_a_longer_earlier_one(first: int, calm: int, latest: int):
    """A second failure has its own onset, however long the first one lasted."""
    values = [0.1] * 20 + [2.0] * first + [0.1] * calm + [2.0] * latest
    began = NOW - timedelta(seconds=5 * (first + calm + latest - 1))
    found = anomaly_of("latency_p50", series("cart", values), METRICS, began)
    assert found is not None
    assert found.onset == NOW - timedelta(seconds=5 * (latest - 1))
    assert found.ongoing
    assert not found.over


@given(st.integers(3, 20), st.integers(1, 3), st.integers(3, 9))
def test_a_moments_relief_does_not_end_an_episode(first: int, calm: int, latest: int):
    """Fewer normal points than a recovery takes: it began when it began."""
    values = [0.1] * 20 + [2.0] * first + [0.1] * calm + [2.0] * latest
    began = NOW - timedelta(seconds=5 * (first + calm + latest - 1))
    found = anomaly_of("latency_p50", series("cart", values), METRICS, began)
    assert found is not None
    assert found.onset == began


SHOP = well("front", "cart", "stock")
GRAPH = calls("front>cart", "cart>stock")


def fresh(stock: list[float], *, since: int = 4) -> Situation:
    latencies = [series("cart", step(0.02, 2.0, since=since)), series("stock", stock)]
    onset = NOW - timedelta(seconds=10)
    return situation(*SHOP, signals=signals(latency_p50=latencies, dependencies=GRAPH), onset=onset)


def test_of_two_that_fell_ill_together_the_deeper_one_is_blamed(top: Top):
    """One point of the callee is little, but its caller waits for it."""
    assert top(fresh(step(0.01, 1.8, since=1))) == ("pod_network_delay", "deployment/stock")
    assert top(fresh([0.01] * 30)) == ("pod_network_delay", "deployment/cart")


def test_a_late_blip_of_a_callee_takes_no_blame(top: Top):
    """A caller that has been slow for minutes would have shown a slow callee long ago."""
    values = [series("cart", step(0.02, 2.0, long=60, since=35)), series("stock", step(0.01, 1.8, long=60, since=1))]
    seen = situation(*SHOP, signals=signals(latency_p50=values, dependencies=GRAPH), onset=NOW - timedelta(seconds=170))
    assert top(seen) == ("pod_network_delay", "deployment/cart")


def rolled(annotations: dict[str, str], *, before: dict[str, str] | None = None, image: str = "app:1") -> Situation:
    """`cart` at revision 2 since a minute, its errors since less; what the new and the old ReplicaSet carry."""
    cart = deployment("cart", containers=[container(image=image)])
    number = {"deployment.kubernetes.io/revision": "2"}
    cart["metadata"] = {"name": "cart", "namespace": "store", "annotations": {**number, **annotations}}
    old = replica_set("cart", 1, containers=[container(image="app:2")])
    new = replica_set("cart", 2, made=60, containers=[container(image=image)])
    for item, marks in ((old, before or {}), (new, annotations)):
        metadata = item["metadata"]
        assert isinstance(metadata, dict)
        kept = metadata["annotations"]
        assert isinstance(kept, dict)
        kept.update(marks)
    items = (*well("front"), node("n1"), cart, old, new, pod("cart", revision=2), service("cart"), endpoints("cart"))
    errors = [series("cart", step(0.0, 0.3, since=10)), series("front", step(0.0, 0.1, since=9))]
    measured = signals(error_ratio=errors, dependencies=calls("front>cart"))
    return situation(*items, signals=measured, onset=NOW - timedelta(seconds=60))


OURS = {"triagent.dev/change": "c-2"}


def test_our_own_change_is_no_bad_release(top: Top):
    """Marked by us, or by the controller as a revision that had run before."""
    assert top(rolled({})) == ("bad_release", "deployment/cart")
    assert top(rolled(OURS)) is None
    assert top(rolled({"deployment.kubernetes.io/revision-history": "1"})) is None


def test_a_release_after_our_change_is_a_release(top: Top):
    """Annotations stay: what the revision before had too says nothing of this one."""
    assert top(rolled(OURS, before=OURS)) == ("bad_release", "deployment/cart")


def test_our_own_change_that_breaks_its_pods_is_suspect_all_the_same(analysed):
    """A remedy can be wrong, and its own pods say so."""
    seen = rolled(OURS)
    broken = pod("cart", revision=2, ready=False)
    items = tuple(item for item in seen.cluster.items if item["kind"] != "Pod")
    found = analysed(replace(seen, cluster=type(seen.cluster)((*items, broken)))).findings
    assert [item.cause for item in found if item.cause == "bad_release"] == ["bad_release"]


@pytest.mark.parametrize("image", ["app:2"])
def test_a_restart_is_no_release(top: Top, image: str):
    """The same template, with another annotation."""
    assert top(rolled({}, image=image)) is None
