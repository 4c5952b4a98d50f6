"""Vocabulary that the recorded systems show seldom or never, and what only looks like it."""

from tests.agent.analysis.conftest import Top
from tests.agent.analysis.shapes import (
    NOW,
    calls,
    container,
    event,
    log,
    manifest,
    node,
    pending,
    pod,
    series,
    service,
    signals,
    situation,
    step,
    well,
)
from tests.agent.analysis.test_cluster_faults import crashed, ill
from tools.documents import JsonObject, text_at


def test_a_claim_over_the_storage_quota_is_the_namespaces_fault(top: Top):
    """The claim that pods mount was never made, and there is no room for it."""
    spec = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    quota: JsonObject = {
        "kind": "ResourceQuota",
        "metadata": {"name": "storage", "namespace": "store"},
        "status": {"hard": {"requests.storage": "10Gi"}, "used": {"requests.storage": "8Gi"}},
    }
    text = "kind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {resources: {requests: {storage: 5Gi}}}\n"
    words = 'persistentvolumeclaim "data" not found'
    seen = situation(*ill(pending("checkout", words, **spec), **spec), quota, manifests={"checkout": manifest(text)})
    assert top(seen) == ("namespace_storage_quota_exceeded", "namespace/store")


def affine(**requirement: object) -> dict[str, object]:
    term = {"matchExpressions": [requirement]}
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    }


def test_an_affinity_that_no_node_meets_is_found(top: Top):
    """By the nodes' labels, with or without the scheduler's words."""
    spec = affine(key="zone", operator="In", values=["z9"])
    for words in ("2 node(s) didn't match Pod's node affinity/selector", ""):
        found = top(situation(*ill(pending("checkout", words, **spec), **spec)))
        assert found == ("node_affinity_mismatch", "deployment/checkout")


def test_an_affinity_for_a_node_that_is_down_is_the_nodes_fault(top: Top):
    """The pod could run nowhere else, but its one node would take it."""
    spec = affine(key="kubernetes.io/hostname", operator="In", values=["n2"])
    words = "1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, 1 node(s) didn't match node affinity"
    items = [item for item in ill(pending("checkout", words, **spec), **spec) if item["kind"] != "Node"]
    taint = {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}
    down = node("n2", taints=[taint], status="Unknown", reason="NodeStatusUnknown")
    assert top(situation(*items, node("n1"), down)) == ("kubelet_unavailable", "node/n2")


def test_a_liveness_probe_in_another_protocol_is_found(top: Top):
    """A container that is killed again and again because its probe cannot read its answers."""
    probe = {"httpGet": {"port": 8080, "path": "/"}}
    words = event("Pod", "checkout-1-x7k2p", "Unhealthy", "Liveness probe failed: malformed HTTP response")
    spec = {"containers": [container(livenessProbe=probe)]}
    killed = crashed(code=137)
    killed["spec"] = {**spec, "nodeName": "n1"}
    found = top(situation(*ill(killed, **spec), words))
    assert found == ("liveness_probe_incorrect_protocol", "deployment/checkout")


def test_services_on_one_node_that_are_slow_for_no_other_reason_are_the_nodes(top: Top):
    """Leaves of the call graph that share nothing but the node they run on."""
    names = ("a", "b", "c")
    moved = [
        {**item, "spec": {**pod("x")["spec"], "nodeName": "n2"}}
        if item["kind"] == "Pod" and on(item) in names
        else item
        for item in well("front", *names, "d")
    ]
    slow = [series(name, step(0.02, 0.5)) for name in names]
    fine = [series("d", [0.02] * 30), series("front", step(0.1, 1.6))]
    graph = calls("front>a", "front>b", "front>c", "front>d")
    seen = situation(*moved, signals=signals(latency_p50=[*slow, *fine], dependencies=graph), onset=NOW)
    assert top(seen) == ("node_network_delay", "node/n2")


def on(item: JsonObject) -> str:
    return text_at(item, "metadata", "labels", "app")


def test_a_wrong_port_within_a_database_url_is_found(top: Top):
    """As data sources have it, for any kind of database."""
    for scheme, port in (("jdbc:mysql", 3306), ("postgresql", 5432)):
        url = {"name": "SPRING_DATASOURCE_URL", "value": f"{scheme}://db:{port + 1}/orders?ssl=false"}
        spec = {"containers": [container(env=[url])]}
        line = "Communications link failure: connection refused"
        items = (*ill(crashed(), **spec), service("db", port=port), *well("db")[2:3])
        found = top(situation(*items, logs=log("checkout", line)))
        assert found == ("mysql_invalid_port", "deployment/checkout")
