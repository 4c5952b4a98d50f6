"""What others refuse or lack: certificates, clocks, rate limits, connections, disk space, names."""

from collections.abc import Sequence

import pytest

from agent.looks import Look
from agent.situation import Situation
from tests.agent.analysis.conftest import Top
from tests.agent.analysis.shapes import (
    NAMESPACE,
    NOW,
    at,
    calls,
    deployment,
    event,
    log,
    manifest,
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
from tools.alertmanager.models import ActiveAlert
from tools.documents import JsonObject

SHOP = well("cart", "catalog", "payments")
FAILING = {
    "signals": signals(
        error_ratio=[series("cart", step(0.0, 0.4)), series("catalog", step(0.0, 0.0)), series("payments", [0.0] * 30)],
        dependencies=calls("cart>payments"),
    ),
    "onset": NOW,
}
CALM = {"signals": signals(error_ratio=[series(name, [0.0] * 30) for name in ("cart", "catalog", "payments")])}


def told(line: str, who: str = "cart", **fields: object) -> Situation:
    return situation(*SHOP, logs=log(who, f"{at(20)} {line}"), **fields)


EXPIRED = "x509: certificate has expired or is not yet valid: current time 2026-05-04T10:29Z is after 2026-05-01T00:00Z"
EARLY = "x509: certificate has expired or is not yet valid: current time 2026-05-04T10:29Z is before 2026-05-04T11:00Z"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f'Post "https://payments:443/pay": {EXPIRED}', ("certificate_expired", "deployment/payments")),
        (f'Post "https://payments.store.svc:443/pay": {EXPIRED}', ("certificate_expired", "deployment/payments")),
        (f'Get "https://api.partner.example/": {EXPIRED}', ("certificate_expired", "deployment/cart")),
        ("remote error: tls: expired certificate", ("certificate_expired", "deployment/cart")),
        (f"dial: {EARLY}", ("clock_skew", "deployment/cart")),
        ("jwt: token used before issued", ("clock_skew", "deployment/cart")),
        ("AuthFailure RequestTimeTooSkewed: the difference is too large", ("clock_skew", "deployment/cart")),
        ("upstream answered 429 Too Many Requests", ("rate_limited", "deployment/cart")),
        ("POST http://payments:80/pay status=429", ("rate_limited", "deployment/payments")),
        ("rpc error: code = ResourceExhausted desc = rate limit exceeded", ("rate_limited", "deployment/cart")),
        (
            "HikariPool-1 - Connection is not available, request timed out",
            ("connection_pool_exhausted", "deployment/cart"),
        ),
        (
            "Knex: Timeout acquiring a connection. The pool is probably full.",
            ("connection_pool_exhausted", "deployment/cart"),
        ),
        ("Could not get a resource from the pool", ("connection_pool_exhausted", "deployment/cart")),
        ("write /data/wal: no space left on device", ("disk_full", "deployment/cart")),
    ],
)
def test_a_line_of_a_failing_workload_is_the_cause(top: Top, line: str, expected: tuple[str, str]):
    """The same words while requests fail; of an address in the cluster the fault is on its side."""
    assert top(told(line, **FAILING)) == expected


@pytest.mark.parametrize(
    "line", [EXPIRED, "status=429", "PoolTimeout", "no space left on device", "token used before issued"]
)
def test_the_same_words_of_a_workload_that_is_well_are_nothing(top: Top, line: str):
    """Clients retry, and requests that are measured do not fail."""
    assert top(told(line, **CALM)) is None
    assert top(told(line, onset=NOW, **CALM)) is None


@pytest.mark.parametrize(
    "line",
    [
        "GET /orders/429 200 OK",
        "rate limiter configured: 100 requests a second",
        "RESOURCE_EXHAUSTED: received message larger than max (5 vs. 4)",
        "loaded certificate, NotBefore: 2026-01-01",
        "token is not valid",
        "connection pool started with 10 connections",
        "disk usage at 40 percent",
    ],
)
def test_words_that_look_alike_are_nothing(top: Top, line: str):
    """Numbers, settings and other errors that share a word."""
    assert top(told(line, **FAILING)) is None


def test_old_lines_speak_of_another_incident(top: Top):
    """A log that still has last night's full disk."""
    seen = situation(*SHOP, logs=log("cart", f"{at(7200)} no space left on device"), **FAILING)
    assert top(seen) is None


def certificate(ends: float, ready: str = "True", reason: str = "Ready") -> JsonObject:
    """A Certificate `cart-tls` that ends so many seconds ago."""
    return {
        "kind": "Certificate",
        "metadata": {"name": "cart-tls", "namespace": NAMESPACE},
        "spec": {"secretName": "cart-tls", "dnsNames": ["cart.example"]},
        "status": {"notAfter": at(ends), "conditions": [{"type": "Ready", "status": ready, "reason": reason}]},
    }


def test_an_expired_certificate_is_its_users_fault_object(top: Top):
    """By its own notAfter, or by cert-manager's condition; of one that nobody mounts the certificate itself."""
    mounting = {"volumes": [{"name": "tls", "secret": {"secretName": "cart-tls"}}]}
    items = (*well("catalog"), deployment("cart", **mounting), replica_set("cart"), pod("cart"))
    assert top(situation(*items, certificate(60))) == ("certificate_expired", "deployment/cart")
    condition = certificate(-60, "False", "Expired")
    assert top(situation(*items, condition)) == ("certificate_expired", "deployment/cart")
    assert top(situation(*well("cart"), certificate(60))) == ("certificate_expired", "certificate/cart-tls")


def test_a_certificate_that_still_holds_is_no_fault(top: Top):
    """Nor is one that is being renewed for the first time."""
    assert top(situation(*well("cart"), certificate(-86_400))) is None
    assert top(situation(*well("cart"), certificate(-86_400, "False", "Issuing"))) is None


def lease(name: str, ago: float) -> JsonObject:
    return {
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {"renewTime": at(ago)},
    }


def test_a_clock_ahead_shows_in_the_lease_or_the_exporter(top: Top):
    """A heartbeat from the future, or an offset that is no longer milliseconds."""
    assert top(situation(*SHOP, lease("n1", 3), lease("n2", -300))) == ("clock_skew", "node/n2")
    off = signals(node_clock_offset=[series("n1", [0.001], label="node"), series("n2", [-4.2], label="node")])
    assert top(situation(*SHOP, signals=off)) == ("clock_skew", "node/n2")
    fine = signals(node_clock_offset=[series("n1", [0.02], label="node")])
    assert top(situation(*SHOP, lease("n1", 3), lease("n2", 5), signals=fine)) is None


def test_several_workloads_with_tokens_of_the_future_share_a_node(top: Top):
    """All their pods run on n1."""
    lines = {**log("cart", "jwt: token used before issued"), **log("catalog", "token is not yet valid")}
    assert top(situation(*SHOP, logs=lines, onset=NOW)) == ("clock_skew", "node/n1")


def test_refusals_are_counted_where_somebody_counts_them(top: Top):
    """The share of 429s rose at the service that gives them."""
    counted = signals(rate_limited_ratio=[series("payments", step(0.0, 0.3))], dependencies=calls("cart>payments"))
    assert top(situation(*SHOP, signals=counted, onset=NOW)) == ("rate_limited", "deployment/payments")


def test_a_registry_that_limits_pulls_is_not_a_wrong_image(top: Top):
    """Docker Hub's words."""
    message = "toomanyrequests: You have reached your pull rate limit"
    waiting = {"state": {"waiting": {"reason": "ErrImagePull", "message": message}}}
    items = (
        *well("cart"),
        deployment("catalog", ready=0),
        replica_set("catalog"),
        pod("catalog", ready=False, status=waiting),
    )
    assert top(situation(*items)) == ("rate_limited", "deployment/catalog")


def usage(share: float) -> dict[str, object]:
    return {"signals": signals(volume_usage=[series("data", [share], label="persistentvolumeclaim")])}


def test_a_full_volume_is_its_users(top: Top):
    """The kubelet's own measure; half full is nothing."""
    mounting = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    items = (*well("catalog"), deployment("cart", **mounting), replica_set("cart"), pod("cart"))
    assert top(situation(*items, **usage(0.99))) == ("disk_full", "deployment/cart")
    assert top(situation(*items, **usage(0.5))) is None


def evicted(name: str, resource: str) -> JsonObject:
    gone = pod(name, ready=False)
    gone["metadata"] = {**as_object(gone["metadata"]), "name": f"{name}-1-evict"}
    gone["status"] = {"phase": "Failed", "reason": "Evicted", "message": f"The node was low on resource: {resource}."}
    return gone


def as_object(value: object) -> JsonObject:
    assert isinstance(value, dict)
    return value


def test_pods_evicted_for_local_storage_are_a_full_disk(top: Top):
    """While the workload lacks replicas; an eviction that has been made good is history."""
    short = (*well("catalog"), deployment("cart", ready=0), replica_set("cart"))
    assert top(situation(*short, evicted("cart", "ephemeral-storage"))) == ("disk_full", "deployment/cart")
    assert top(situation(*well("cart", "catalog"), evicted("cart", "ephemeral-storage"))) is None


def ill(*names: str) -> tuple[JsonObject, ...]:
    found: list[JsonObject] = [*well("catalog")]
    for name in names:
        found += [deployment(name, ready=0), replica_set(name), pod(name, ready=False), service(name)]
    return tuple(found)


def resolver(ready: int) -> JsonObject:
    found = deployment("coredns", ready=ready)
    found["metadata"] = {"name": "coredns", "namespace": "kube-system"}
    return found


def test_several_workloads_that_resolve_nothing_share_a_resolver(top: Top):
    """One that cannot has its own trouble."""
    line = "lookup catalog on 10.0.0.10:53: read udp: i/o timeout"
    both = {**log("cart", line), **log("payments", line)}
    assert top(situation(*ill("cart", "payments"), logs=both)) == ("service_dns_resolution_failure", "service/kube-dns")
    assert top(situation(*ill("cart"), logs=log("cart", line))) == ("service_dns_resolution_failure", "deployment/cart")


def test_cluster_dns_without_pods_is_the_fault(top: Top):
    """Seen at the resolver itself."""
    assert top(situation(*SHOP, resolver(0))) == ("service_dns_resolution_failure", "deployment/coredns")
    assert top(situation(*SHOP, resolver(1))) is None


def refused(message: str, *, noted: bool) -> Sequence[JsonObject]:
    """A new revision of `cart` whose pods nobody may create, beside the old one that serves."""
    cart = deployment("cart", replicas=2)
    status = as_object(cart["status"])
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": message if noted else "",
    }
    status |= {"updatedReplicas": 0, "conditions": [condition]}
    words = () if noted else (event("ReplicaSet", "cart-1", "FailedCreate", message),)
    return (*well("catalog"), cart, replica_set("cart"), pod("cart"), *words)


@pytest.mark.parametrize("noted", [True, False], ids=["by condition", "by event"])
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            'Internal error occurred: failed calling webhook "inject.mesh.example": no endpoints available',
            ("mutating_webhook_failure", "deployment/cart"),
        ),
        (
            'pods "cart" is forbidden: violates PodSecurity "restricted:latest"',
            ("pod_security_violation", "deployment/cart"),
        ),
        (
            'pods "cart" is forbidden: exceeded quota: team, requested: requests.cpu=2, used: requests.cpu=9',
            ("namespace_cpu_quota_exceeded", "namespace/store"),
        ),
    ],
)
def test_a_rollout_that_may_create_no_pods_is_explained(top: Top, noted: bool, message: str, expected: tuple[str, str]):
    """Even while the old pods serve, by the condition where events are gone."""
    assert top(situation(*refused(message, noted=noted))) == expected


def test_what_a_slow_workload_says_comes_before_what_its_slowness_suggests(top: Top):
    """It waits for a connection: its network is not to blame."""
    slow = {"signals": signals(latency_p50=[series("cart", step(0.02, 3.0))]), "onset": NOW}
    words = "QueuePool limit of size 5 overflow 10 reached, connection timed out"
    assert top(told(words, **slow)) == ("connection_pool_exhausted", "deployment/cart")
    assert top(told("ready", **slow)) == ("pod_network_delay", "deployment/cart")


def test_an_alert_on_the_workload_is_trouble_where_nothing_is_measured(top: Top):
    """Without metrics, who is alerted about is in trouble."""
    alert = ActiveAlert(
        fingerprint="f1",
        labels={"alertname": "PayFailing", "service": "cart"},
        annotations={},
        state="active",
        starts_at=NOW,
    )
    look = Look("alert", "alertmanager", "alerts", "d9", NOW)
    seen = told("no space left on device", onset=NOW, alerts=(alert,), alerts_look=look)
    assert top(seen) == ("disk_full", "deployment/cart")


def test_pressure_on_the_nodes_disk_is_the_nodes(top: Top):
    """The kubelet says so itself."""
    pressed = node("n1")
    status = as_object(pressed["status"])
    status["conditions"] = [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "True"}]
    items = [item for item in SHOP if item["kind"] != "Node"]
    assert top(situation(*items, pressed)) == ("node_pressure", "node/n1")


def sharing(words: str, *clients: str, role: str = "") -> Situation:
    """Failing clients of the database `db`, all of which log `words`."""
    database = deployment("db")
    database["kind"] = "StatefulSet"
    selector = {"app": "db", "tier": "data", "role": role} if role else None
    labels = as_object(as_object(as_object(database["spec"])["template"])["metadata"])
    labels["labels"] = {"app": "db", "tier": "data"}
    text = "kind: Secret\nmetadata: {name: s}\nstringData: {MYSQL_HOST: db}\n"
    items = (*well(*clients), database, service("db", port=3306, selector=selector))
    logs = {key: item for name in clients for key, item in log(name, words).items()}
    errors = signals(error_ratio=[series(name, step(0.0, 0.4)) for name in clients])
    declared = {name: manifest(text) for name in clients}
    return situation(*items, logs=logs, manifests=declared, signals=errors, onset=NOW)


def test_several_empty_pools_lead_to_the_database_they_share(top: Top):
    """One empty pool is its client's own."""
    words = "HikariPool-1 - Connection is not available, request timed out after 30000ms"
    assert top(sharing(words, "cart", "catalog")) == ("db_connection_exhaustion", "statefulset/db")
    assert top(sharing(words, "cart")) == ("connection_pool_exhausted", "deployment/cart")


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("message from server: Too many connections", "db_connection_exhaustion"),
        ("FATAL: remaining connection slots are reserved", "db_connection_exhaustion"),
        ("ERROR: cannot execute INSERT in a read-only transaction", "db_read_only"),
        ("Connection is read-only. Queries leading to data modification are not allowed", "db_read_only"),
    ],
)
def test_a_database_is_found_behind_a_role_that_no_pod_has(top: Top, words: str, cause: str):
    """The Service of the leader selects nothing while there is none; its workload is known by the other labels."""
    assert top(sharing(words, "cart", "catalog", role="leader")) == (cause, "statefulset/db")


def test_only_fresh_time_outs_tell_of_a_node_without_routes(top: Top):
    """Several Services that are well and cannot be reached from one node; what was written an hour ago is over."""
    shop = well("cart", "catalog", "stock")
    addresses = [service(name)["spec"]["clusterIP"] for name in ("catalog", "stock")]
    lines = [f"dial tcp {address}:80: i/o timeout" for address in addresses]
    told = [f"{at(120)} {line}" for line in lines]
    stale = [f"{at(3600)} {line}" for line in lines]
    assert top(situation(*shop, logs=log("cart", *told))) == ("kube_proxy_unavailable", "node/n1")
    assert top(situation(*shop, logs=log("cart", *stale))) is None
