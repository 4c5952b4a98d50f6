"""Services, addresses, gateways and names that lead nowhere; nodes that do not do their part."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.looks import Look
from tests.agent.analysis.conftest import Top
from tests.agent.analysis.shapes import (
    NOW,
    at,
    calls,
    container,
    deployment,
    endpoints,
    event,
    log,
    node,
    pending,
    pod,
    replica_set,
    series,
    service,
    signals,
    situation,
    well,
)
from tools.alertmanager.models import ActiveAlert
from tools.documents import JsonObject, text_at


def unreachable(name: str) -> dict[str, object]:
    return {"signals": signals(probe_success=[series(name, [0.0, 0.0])])}


def without(items: Sequence[JsonObject], kind: str, name: str) -> list[JsonObject]:
    return [item for item in items if (item["kind"], text_at(item, "metadata", "name")) != (kind, name)]


def test_a_selector_that_selects_nothing_is_found(top: Top):
    """A Service beside the workload it was meant for, selecting something else, is the fault."""
    items = without(without(well("cart", "catalog"), "Service", "cart"), "Endpoints", "cart")
    wrong = service("cart", selector={"app": "card"})
    assert top(situation(*items, wrong, endpoints("cart", 0))) == ("service_selector_mismatch", "service/cart")


def test_a_service_without_pods_that_nobody_calls_is_no_fault(top: Top):
    """Leftover Services are everywhere."""
    assert top(situation(*well("cart"), service("legacy", selector={"app": "gone"}))) is None


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"target": 9090}, "service_port_mapping_mismatch"),
        ({"target": "grpc"}, "service_port_mapping_mismatch"),
        ({"protocol": "UDP"}, "service_protocol_mismatch"),
    ],
)
def test_a_port_nobody_listens_on_is_a_fault_if_the_service_cannot_be_reached(
    top: Top, fields: dict[str, object], cause: str
):
    """Declared ports are only words; with a failing probe they are the cause."""
    items = without(well("cart", "catalog"), "Service", "cart")
    assert top(situation(*items, service("cart", **fields), **unreachable("cart"))) == (cause, "service/cart")


def test_an_undeclared_port_that_works_is_no_fault(top: Top):
    """Containers may listen on ports they do not declare."""
    items = without(well("cart"), "Service", "cart")
    works = signals(probe_success=[series("cart", [1.0, 1.0])])
    assert top(situation(*items, service("cart", target=9090), signals=works)) is None


def caller(variable: str, value: str) -> tuple[JsonObject, ...]:
    spec = {"containers": [container(env=[{"name": variable, "value": value}])]}
    items = without(well("cart", "catalog"), "Deployment", "cart")
    return (*items, deployment("cart", **spec))


def test_an_address_that_does_not_exist_is_proven_by_the_log(top: Top):
    """A configured host that the resolver does not know."""
    line = "dial tcp: lookup catalogue on 10.0.0.10:53: no such host"
    found = top(situation(*caller("CATALOG_ADDR", "catalogue:80"), logs=log("cart", line)))
    assert found == ("service_env_var_address_mismatch", "deployment/cart")


def test_a_mistyped_address_is_found_by_the_name_it_resembles(top: Top):
    """Without logs a near miss of an existing Service's name is telling enough."""
    found = top(situation(*caller("CATALOG_ADDR", "catalogs:80")))
    assert found == ("service_env_var_address_mismatch", "deployment/cart")


def test_an_unused_address_of_something_optional_is_no_fault(top: Top):
    """Configurations name collectors and features that a site does not have."""
    assert top(situation(*caller("TRACING_COLLECTOR_ADDR", "otel-collector:4317"))) is None


def test_an_address_elsewhere_counts_only_if_the_log_complains(top: Top):
    """Hosts outside the namespace cannot be checked, but a client that fails to resolve them says so."""
    items = caller("DB_ADDR", "db.prod-v2.example:5432")
    assert top(situation(*items)) is None
    line = "lookup db.prod-v2.example on 10.0.0.10:53: no such host"
    assert top(situation(*items, logs=log("cart", line))) == ("service_env_var_address_mismatch", "deployment/cart")


def test_a_foreign_resolver_explains_a_workload_that_does_not_start(top: Top):
    """dnsPolicy None with a resolver that is not the cluster's."""
    spec = {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.1"]}}
    items = (*well("catalog"), deployment("cart", ready=0, **spec), replica_set("cart"), pod("cart", ready=False))
    line = "java.net.UnknownHostException: catalog: Temporary failure in name resolution"
    assert top(situation(*items, logs=log("cart", line))) == ("service_dns_resolution_failure", "deployment/cart")


ROUTES = """
routes:
  - id: cart
    uri: lb://{cart}
    predicates:
      - Path=/api/v1/cartservice/**
  - id: catalog
    uri: lb://catalog
    predicates:
      - Path=/api/v1/catalogservice/**
"""


def gateway(cart: str) -> JsonObject:
    data: JsonObject = {"application.yml": ROUTES.format(cart=cart)}
    return {"kind": "ConfigMap", "metadata": {"name": "gateway", "namespace": "store"}, "data": data}


def test_a_route_that_speaks_of_another_service_is_a_misroute(top: Top):
    """The route called cart leads to catalog, and nothing leads to cart."""
    assert top(situation(*well("cart", "catalog"), gateway("catalog"))) == ("gateway_misroute", "deployment/cart")
    assert top(situation(*well("cart", "catalog"), gateway("cart"))) is None


def test_a_complaint_about_a_path_proves_the_misroute(top: Top):
    """Callers of a service who get 404 on a path that leads elsewhere, whatever the names."""
    alert = ActiveAlert(
        fingerprint="f1",
        labels={"alertname": "RequestErrors", "service": "cart", "url": "/api/v1/catalogservice/items"},
        annotations={"description": "POST /api/v1/catalogservice/items -> 404"},
        state="active",
        starts_at=NOW,
    )
    look = Look("alert", "alertmanager", "active alerts", "d9", NOW)
    seen = situation(*well("cart", "catalog"), gateway("cart"), alerts=(alert,), alerts_look=look)
    assert top(seen) == ("gateway_misroute", "deployment/cart")


@pytest.mark.parametrize(
    ("unit", "cause"),
    [
        ("kubelet.service", "kubelet_unavailable"),
        ("containerd.service", "containerd_unavailable"),
        ("kube-proxy.service", "kube_proxy_unavailable"),
        ("kube-scheduler.service", "kube_scheduler_unavailable"),
    ],
)
def test_a_stopped_unit_is_the_nodes_fault(top: Top, unit: str, cause: str):
    """systemd's word about a node's own services."""
    stopped = signals(node_unit_active=[series("n1", [0.0, 0.0], label="node", name=unit)])
    assert top(situation(*well("cart"), signals=stopped)) == (cause, "node/n1")


def test_a_silent_kubelet_is_told_by_its_lease(top: Top):
    """A node that has not renewed its lease while others have, though its condition still says Ready."""
    leases: list[JsonObject] = [
        {"kind": "Lease", "metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": {"renewTime": at(ago)}}
        for name, ago in (("n1", 120), ("n2", 3))
    ]
    assert top(situation(*well("cart"), *leases)) == ("kubelet_unavailable", "node/n1")


def test_a_runtime_without_a_socket_is_told_by_the_pods_that_do_not_start(top: Top):
    """containerd's socket is gone: the node is not ready, and its kubelet says why."""
    words = "dial unix /run/containerd/containerd.sock: connect: no such file or directory"
    bad = node("n1", status="False", reason="KubeletNotReady")
    items = without(well("cart"), "Node", "n1")
    assert top(situation(*items, bad, event("Node", "n1", "ContainerGCFailed", words))) == (
        "containerd_unavailable",
        "node/n1",
    )


def test_kube_proxy_is_missing_where_one_node_reaches_nothing(top: Top):
    """From one node no Service answers, from the other all do."""
    probes = [
        series(name, [float(place != "n1")], node=place) for name in ("cart", "catalog") for place in ("n1", "n2")
    ]
    assert top(situation(*well("cart", "catalog"), signals=signals(probe_node_success=probes))) == (
        "kube_proxy_unavailable",
        "node/n1",
    )


def test_pods_nobody_looked_at_point_at_the_scheduler(top: Top):
    """No node, no verdict, no event, for much longer than the scheduler takes."""
    head = node("cp1", labels={"node-role.kubernetes.io/control-plane": ""})
    items = (*well("catalog"), head, deployment("cart", ready=0), replica_set("cart"), pending("cart"))
    assert top(situation(*items)) == ("kube_scheduler_unavailable", "node/cp1")


def test_without_a_namespace_all_are_looked_at(top: Top):
    """The same faults are found when nobody says where to look."""
    items = without(without(well("cart", "catalog"), "Service", "cart"), "Endpoints", "cart")
    seen = situation(
        *items, service("cart", selector={"app": "card"}), signals=signals(dependencies=calls("catalog>cart"))
    )
    assert top(replace(seen, namespace=None)) == ("service_selector_mismatch", "service/cart")
