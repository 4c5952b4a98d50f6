import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.lab.shop.shop_lab import ShopLab

NAMES = {
    "http_requests_total": {"namespace", "service", "pod", "code"},
    "http_request_duration_seconds_bucket": {"namespace", "service", "le"},
    "container_cpu_usage_seconds_total": {"namespace", "pod", "container"},
    "container_cpu_cfs_periods_total": {"namespace", "pod", "container"},
    "container_cpu_cfs_throttled_periods_total": {"namespace", "pod", "container"},
    "container_memory_working_set_bytes": {"namespace", "pod", "container"},
    "kube_pod_container_resource_limits": {"namespace", "pod", "container", "resource", "unit"},
    "kube_pod_container_status_restarts_total": {"namespace", "pod", "container"},
    "kube_pod_status_ready": {"namespace", "pod", "condition"},
    "kube_deployment_spec_replicas": {"namespace", "deployment"},
    "kube_deployment_status_replicas_available": {"namespace", "deployment"},
    "kube_deployment_created": {"namespace", "deployment"},
    "kube_statefulset_replicas": {"namespace", "statefulset"},
    "argocd_app_info": {"name", "project", "sync_status", "health_status"},
    "probe_success": {"namespace", "service", "target"},
    "traces_service_graph_request_total": {"client", "server"},
    "traces_service_graph_request_failed_total": {"client", "server"},
    "traces_service_graph_request_server_seconds_bucket": {"client", "server", "le"},
}


async def test_metrics_have_their_exporters_names_and_labels(lab: ShopLab):
    """What cAdvisor, kube-state-metrics, the blackbox prober, Argo CD and Tempo call things."""
    samples = await lab.samples()
    for name, labels in NAMES.items():
        found = [sample for sample in samples if sample.name == name]
        assert found, name
        assert all(labels <= set(sample.labels) for sample in found), name


async def test_latency_buckets_carry_exemplars_of_kept_traces(lab: ShopLab):
    """Every exemplar's trace can be fetched."""
    lab.step(20)
    exemplars = [
        sample.exemplar
        for sample in await lab.samples()
        if sample.name == "http_request_duration_seconds_bucket" and sample.exemplar
    ]
    assert len(exemplars) >= 8
    for exemplar in exemplars:
        answer = await lab.client.get(f"{lab.at.tempo}/api/traces/{exemplar.labels['trace_id']}")
        assert answer.status_code == 200


async def test_the_text_format_is_the_default(lab: ShopLab):
    """Without an Accept header the older format comes, without exemplars."""
    answer = await lab.client.get(f"{lab.at.metrics}/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert {"http_requests", "probe_success"} <= families
    assert "# {" not in answer.text


async def test_rates_and_utilisation_are_steady_at_rest(lab: ShopLab):
    """Forty requests a second at the front door, under half of the CPU used, no errors."""
    before = await lab.value("http_requests_total", service="frontend")
    lab.step(20)
    assert await lab.value("http_requests_total", service="frontend") - before == pytest.approx(800, abs=4)
    state = (await lab.client.get(f"{lab.at.control}/state")).json()
    assert all(0.25 < service["utilisation"] < 0.5 for service in state["services"])
    assert await lab.error_ratio("frontend") == 0
    assert await lab.latency("frontend") <= 0.25


async def test_the_service_graph_knows_the_callers(lab: ShopLab):
    """Edges go from the user to the databases, and failures count on the edge they happen on."""
    lab.step(10)
    edges = {
        (sample.labels["client"], sample.labels["server"])
        for sample in await lab.samples()
        if sample.name == "traces_service_graph_request_total"
    }
    assert {
        ("user", "frontend"),
        ("frontend", "checkout"),
        ("checkout", "payment"),
        ("cart", "cart-store"),
        ("inventory", "inventory-db.prod.example"),
    } <= edges
    await lab.fail("bad-release", "payment")
    lab.step(20)
    failed = "traces_service_graph_request_failed_total"
    assert await lab.value(failed, client="checkout", server="payment") > 0
    assert await lab.value(failed, client="checkout", server="cart") == 0


async def test_the_probe_fails_when_the_front_door_is_shut(lab: ShopLab):
    """`probe_success` goes to 0 with no frontend left."""
    assert await lab.value("probe_success") == 1
    await lab.scale("frontend", 0)
    assert await lab.value("probe_success") == 0


async def test_the_load_can_be_raised(lab: ShopLab):
    """Twice the customers are twice the requests, and more CPU."""
    await lab.client.post(f"{lab.at.control}/load", json={"factor": 2})
    before = await lab.value("http_requests_total", service="frontend")
    lab.step(10)
    assert await lab.value("http_requests_total", service="frontend") - before == pytest.approx(800, abs=20)
    state = (await lab.client.get(f"{lab.at.control}/state")).json()
    assert all(service["utilisation"] > 0.6 for service in state["services"])
