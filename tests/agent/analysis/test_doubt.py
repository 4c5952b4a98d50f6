"""Confidence falls as evidence goes."""

from dataclasses import replace
from itertools import accumulate, pairwise

from agent.analyzers.doubt import doubted
from agent.analyzers.suspicion import LIKELY, Suspicion
from agent.cluster.index import Cluster
from domain.objects import ObjectRef
from tests.agent.analysis.shapes import NAMESPACE, event, log, manifest, series, signals, situation, step, well

SEEN = situation(
    *well("cart"),
    event("Pod", "cart-1", "BackOff", "Back-off restarting failed container"),
    logs=log("cart", "ready"),
    manifests={"shop": manifest("kind: ConfigMap\nmetadata: {name: c}\n")},
    signals=signals(error_ratio=[series("cart", step(0.0, 0.5))]),
)
GONE = ({"logs": log("cart")}, {"signals": {}}, {"manifests": {}}, {"cluster": Cluster(well("cart"))})


def suspicion(cause: str, name: str, confidence: float = LIKELY) -> Suspicion:
    """A suspicion that rests on nothing."""
    return Suspicion(cause, ObjectRef(kind="deployment", namespace=NAMESPACE, name=name), confidence, ())


def test_each_kind_of_evidence_that_is_missing_costs_confidence():
    """Nothing is lost while everything was seen, and no two kinds gone are as good as one."""
    states = accumulate(GONE, lambda seen, gone: replace(seen, **gone), initial=SEEN)
    left = [doubted(state, [suspicion("oom_killed", "cart")])[0].confidence for state in states]
    assert left[0] == LIKELY
    assert all(more > less for more, less in pairwise(left))


def test_slowness_that_nobody_measured_is_doubted_most():
    """Alerts alone do not tell culprits from victims: what the cluster itself shows comes first then."""
    slow, broken = suspicion("pod_network_delay", "cart", LIKELY + 0.05), suspicion("oom_killed", "stock")
    assert [item.object.name for item in doubted(SEEN, [slow, broken])] == ["cart", "stock"]
    assert [item.object.name for item in doubted(replace(SEEN, signals={}), [slow, broken])] == ["stock", "cart"]
