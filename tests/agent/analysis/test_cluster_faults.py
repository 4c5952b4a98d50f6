"""Faults that the state of the cluster itself shows."""

import pytest

from tests.agent.analysis.conftest import Top
from tests.agent.analysis.shapes import (
    at,
    container,
    deployment,
    endpoints,
    event,
    log,
    manifest,
    node,
    pending,
    pod,
    replica_set,
    service,
    situation,
    well,
)
from tools.documents import JsonObject, object_at


def ill(*pods: JsonObject, **spec: object) -> tuple[JsonObject, ...]:
    """A deployment `checkout` without ready pods, its Service, and healthy neighbours."""
    return (
        *well("cart", "catalog"),
        deployment("checkout", ready=0, **spec),
        replica_set("checkout", **spec),
        service("checkout"),
        endpoints("checkout", 0),
        *pods,
    )


def waiting(reason: str, message: str = "", **spec: object) -> JsonObject:
    return pod("checkout", ready=False, status={"state": {"waiting": {"reason": reason, "message": message}}}, **spec)


def crashed(code: int = 1, reason: str = "Error", restarts: int = 4, lived: float = 60) -> JsonObject:
    ended = {"exitCode": code, "reason": reason, "startedAt": at(30 + lived), "finishedAt": at(30)}
    status = {
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": ended},
    }
    return pod("checkout", ready=False, status=status)


def test_a_healthy_system_gives_no_findings(top: Top):
    """Nothing is said where nothing is wrong, whatever old events and logs say."""
    old = event("ReplicaSet", "cart-1", "FailedCreate", 'serviceaccount "cart" not found', ago=60)
    probe = event("Pod", "cart-1-x7k2p", "Unhealthy", "Readiness probe failed: connection refused", ago=60)
    assert top(situation(*well("cart", "catalog"), old, probe, logs=log("cart", "Access denied for user 'x'"))) is None


@pytest.mark.parametrize(
    ("spec", "nodes", "message", "cause"),
    [
        (
            {"nodeSelector": {"disk": "ssd"}},
            [{}, {}],
            "0/2 nodes are available: 2 node(s) didn't match",
            "node_selector_mismatch",
        ),
        (
            {},
            [{"unschedulable": True}, {"unschedulable": True}],
            "2 node(s) were unschedulable",
            "node_cordon_mismatch",
        ),
        (
            {"nodeSelector": {"disk": "ssd"}},
            [{"labels": {"disk": "ssd"}, "unschedulable": True}, {}],
            "1 node(s) were unschedulable, 1 node(s) didn't match Pod's node affinity/selector",
            "node_cordon_mismatch",
        ),
        (
            {},
            [{"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}] * 2,
            "2 node(s) had untolerated taint {gpu: yes}",
            "taint_toleration_mismatch",
        ),
        (
            {"containers": [container(resources={"requests": {"cpu": "64"}})]},
            [{}, {}],
            "2 Insufficient cpu",
            "cpu_capacity_mismatch",
        ),
        (
            {"containers": [container(resources={"requests": {"memory": "64Gi"}})]},
            [{}, {}],
            "2 Insufficient memory",
            "memory_capacity_mismatch",
        ),
    ],
)
@pytest.mark.parametrize("told", [True, False], ids=["the scheduler says", "no message"])
def test_an_unschedulable_pod_is_explained_by_what_the_nodes_lack(
    top: Top, spec: dict[str, object], nodes: list[dict[str, object]], message: str, cause: str, told: bool
):
    """The obstacle is judged from specs, so it is found without the scheduler's words too."""
    items = [
        item
        for item in ill(pending("checkout", message if told else "no words", **spec), **spec)
        if item["kind"] != "Node"
    ]
    machines = [node(f"n{index}", **fields) for index, fields in enumerate(nodes)]
    assert top(situation(*items, *machines)) == (cause, "deployment/checkout")


def test_a_taint_of_a_dead_node_is_the_nodes_fault(top: Top):
    """Pods that wait because a node is unreachable point at the node, not at their tolerations."""
    taint = {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}
    items = [
        item
        for item in ill(pending("checkout", "1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }"))
        if item["kind"] != "Node"
    ]
    dead = node("n1", taints=[taint], status="Unknown", reason="NodeStatusUnknown", message="Kubelet stopped posting")
    assert top(situation(*items, dead)) == ("kubelet_unavailable", "node/n1")


def test_anti_affinity_names_the_conflict(top: Top):
    """A replica that may not share a node with its fellows has nowhere to go."""
    term = {"labelSelector": {"matchLabels": {"app": "checkout"}}, "topologyKey": "kubernetes.io/hostname"}
    spec = {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    items = [item for item in ill(pod("checkout"), **spec) if item["kind"] != "Node"]
    extra = pending("checkout", **spec)
    extra["metadata"] = {**object_at(extra, "metadata"), "name": "checkout-1-zzzzz"}
    assert top(situation(*items, extra, node("n1"))) == ("pod_anti_affinity_conflict", "deployment/checkout")


@pytest.mark.parametrize(
    ("claim", "volume", "cause"),
    [
        ({"resources": {"requests": {"storage": "5Gi"}}}, {}, "pvc_capacity_mismatch"),
        ({"accessModes": ["ReadWriteMany"]}, {}, "pvc_access_mode_mismatch"),
        ({"selector": {"matchLabels": {"tier": "gold"}}}, {}, "pvc_selector_mismatch"),
        ({"storageClassName": "fast"}, {}, "pvc_storage_class_mismatch"),
        ({}, {"claimRef": {"namespace": "store", "name": "other"}}, "pv_binding_occupied"),
    ],
)
def test_a_pending_claim_is_explained_by_the_demand_that_fails(
    top: Top, claim: dict[str, object], volume: dict[str, object], cause: str
):
    """Of all the demands a claim makes, the one that no volume meets is named."""
    volumes = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": ""}
    offered = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
    pvc: JsonObject = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "store"},
        "spec": {**wanted, **claim},
        "status": {"phase": "Pending"},
    }
    pv: JsonObject = {"kind": "PersistentVolume", "metadata": {"name": "pv1"}, "spec": {**offered, **volume}}
    waits = pending("checkout", "pod has unbound immediate PersistentVolumeClaims.", **volumes)
    assert top(situation(*ill(waits, **volumes), pvc, pv)) == (cause, "deployment/checkout")


def test_a_missing_service_account_is_named(top: Top):
    """A workload without pods whose account does not exist now has its cause."""
    account: JsonObject = {"kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "store"}}
    spec = {"serviceAccountName": "payer"}
    broken = deployment("checkout", ready=0, **spec)
    broken["status"] = {"replicas": 0}
    assert top(situation(*well("cart"), broken, replica_set("checkout", **spec), account)) == (
        "missing_service_account",
        "deployment/checkout",
    )


@pytest.mark.parametrize(
    ("resource", "hard", "used", "cause"),
    [
        ("pods", "10", "10", "namespace_pod_quota_exceeded"),
        ("requests.cpu", "1", "900m", "namespace_cpu_quota_exceeded"),
        ("requests.memory", "1Gi", "1000Mi", "namespace_memory_quota_exceeded"),
    ],
)
def test_a_full_quota_is_the_namespaces_fault(top: Top, resource: str, hard: str, used: str, cause: str):
    """Pods that a quota refuses point at the namespace, and nothing more generic is said beside it."""
    spec = {"containers": [container(resources={"requests": {"cpu": "500m", "memory": "100Mi"}})]}
    broken = deployment("checkout", ready=0, **spec)
    broken["status"] = {"replicas": 0}
    quota: JsonObject = {
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "store"},
        "status": {"hard": {resource: hard}, "used": {resource: used}},
    }
    assert top(situation(*well("cart"), broken, replica_set("checkout", **spec), quota)) == (cause, "namespace/store")


def test_a_service_quota_is_found_by_the_service_that_git_declares(top: Top):
    """A Service that Git wants and the full quota refuses is the namespace's fault."""
    quota: JsonObject = {
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "store"},
        "status": {"hard": {"services": "2"}, "used": {"services": "2"}},
    }
    declared = manifest("kind: Service\nmetadata: {name: missing, namespace: store}\nspec: {ports: [{port: 80}]}\n")
    found = top(situation(*well("cart", "catalog"), quota, manifests={"missing": declared}))
    assert found == ("namespace_service_quota_exceeded", "namespace/store")


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("dial tcp: lookup reg.example on 10.0.0.10:53: no such host", "image_registry_dns_failure"),
        ("rpc error: code = NotFound desc = registry.example/app:9: not found", "incorrect_image_reference"),
        (
            "unexpected status from HEAD request to https://m.example/v2/app/manifests/9: 403 Forbidden",
            "incorrect_image_reference",
        ),
        ("failed to authorize: failed to fetch anonymous token: 401 Unauthorized", "missing_image_pull_secret"),
        ("pull access denied, repository does not exist or may require authorization", "missing_image_pull_secret"),
    ],
)
def test_a_failed_pull_is_told_by_the_registrys_words(top: Top, message: str, cause: str):
    """Name, registry and credentials fail in different words."""
    assert top(situation(*ill(waiting("ErrImagePull", message)))) == (cause, "deployment/checkout")


def test_a_failed_pull_without_words_is_judged_by_its_neighbours(top: Top):
    """An image from where everybody pulls is probably misspelt; a pull secret is missing if Secrets are seen."""
    assert top(situation(*ill(waiting("ImagePullBackOff")))) == ("incorrect_image_reference", "deployment/checkout")
    named = waiting("ImagePullBackOff", imagePullSecrets=[{"name": "regcred"}])
    other: JsonObject = {"kind": "Secret", "metadata": {"name": "tls", "namespace": "store"}}
    assert top(situation(*ill(named), other)) == ("missing_image_pull_secret", "deployment/checkout")
    assert top(situation(*ill(named))) == ("incorrect_image_reference", "deployment/checkout")


@pytest.mark.parametrize(
    ("message", "cause"),
    [('secret "db" not found', "missing_secret_binding"), ('configmap "app" not found', "missing_config_map")],
)
def test_missing_references_are_named(top: Top, message: str, cause: str):
    """A container that cannot be configured says what it lacks."""
    assert top(situation(*ill(waiting("CreateContainerConfigError", message)))) == (cause, "deployment/checkout")


def test_out_of_memory_wins_over_the_crash_loop_it_makes(top: Top):
    """An OOM kill is the cause; that the container loops is its symptom."""
    assert top(situation(*ill(crashed(137, "OOMKilled")))) == ("oom_killed", "deployment/checkout")


def test_a_crash_without_a_known_reason_says_what_the_container_said(analysed):
    """A crash loop nobody can explain is told with its exit code and last words."""
    logs = log("checkout", "2026-05-04T10:29:00Z starting", "2026-05-04T10:29:30Z panic: nil pointer")
    finding = analysed(situation(*ill(crashed()), logs=logs)).findings[0]
    assert finding.cause == "crash_loop"
    assert "panic: nil pointer" in " ".join(claim.text for claim in finding.claims)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("Web server failed to start. Port 8080 was already in use.", "service_sidecar_port_conflict"),
        ("Access denied for user 'shop'@'10.1.0.9' (using password: YES)", "mysql_invalid_credentials"),
        ("can't open the RDB file dump.rdb for reading: Permission denied", "volume_mount_permission_denied"),
    ],
)
def test_a_crash_is_explained_by_its_log(top: Top, line: str, cause: str):
    """The last recent words of the crashed container name the cause."""
    mounts = {"containers": [container(volumeMounts=[{"name": "d", "mountPath": "/data"}])]}
    sick = crashed()
    sick["spec"] = {**mounts, "nodeName": "n1"}
    assert top(situation(*ill(sick, **mounts), logs=log("checkout", line))) == (cause, "deployment/checkout")


def test_old_log_lines_tell_nothing(top: Top):
    """A line from another day explains no crash of today."""
    line = "2026-05-01T08:00:00Z Access denied for user 'shop'@'10.1.0.9'"
    assert top(situation(*ill(crashed()), logs=log("checkout", line))) == ("crash_loop", "deployment/checkout")


def test_a_database_on_a_wrong_port_is_found_in_git(top: Top):
    """The port that Git configures and the database's Service does not have is the proof."""
    secret = manifest(
        "kind: Secret\nmetadata: {name: s}\nstringData: {CHECKOUT_MYSQL_HOST: db, CHECKOUT_MYSQL_PORT: '3307'}\n"
    )
    words = "Communications link failure: Connection refused"
    found = top(
        situation(
            *ill(crashed()), service("db", port=3306), manifests={"checkout": secret}, logs=log("checkout", words)
        )
    )
    assert found == ("mysql_invalid_port", "deployment/checkout")


@pytest.mark.parametrize(
    ("words", "cause"),
    [("Too many connections", "db_connection_exhaustion"), ("--read-only option so it cannot", "db_read_only")],
)
def test_a_database_that_refuses_is_found_from_its_clients(top: Top, words: str, cause: str):
    """Several clients that complain lead back to the database they share."""
    database = deployment("db")
    database["kind"] = "StatefulSet"
    text = "kind: Secret\nmetadata: {name: s}\nstringData: {MYSQL_HOST: db}\n"
    items = (*well("cart", "catalog"), database, service("db", port=3306))
    logs = {**log("cart", words), **log("catalog", words)}
    found = top(situation(*items, logs=logs, manifests={name: manifest(text) for name in ("cart", "catalog")}))
    assert found == (cause, "statefulset/db")


def probing(kind: str, probe: JsonObject, status: JsonObject | None = None) -> tuple[JsonObject, ...]:
    spec = {"containers": [container(**{kind: probe})]}
    return ill(pod("checkout", ready=False, status=status or {}, **spec), **spec)


KILLED: JsonObject = {
    "restartCount": 3,
    "lastState": {"terminated": {"exitCode": 137, "reason": "Error", "finishedAt": at(20)}},
}


@pytest.mark.parametrize(
    ("kind", "probe", "status", "cause"),
    [
        ("readinessProbe", {"tcpSocket": {"port": 9999}}, None, "readiness_probe_incorrect_port"),
        ("livenessProbe", {"tcpSocket": {"port": 9999}}, KILLED, "liveness_probe_incorrect_port"),
        ("livenessProbe", {"tcpSocket": {"port": 8080}, "periodSeconds": 1}, KILLED, "liveness_probe_incorrect_timing"),
    ],
)
def test_a_wrong_probe_is_found_in_the_template(
    top: Top, kind: str, probe: JsonObject, status: JsonObject | None, cause: str
):
    """A probe of a port nobody listens on, or without patience, is the fault of a running container."""
    assert top(situation(*probing(kind, probe, status))) == (cause, "deployment/checkout")


def test_a_probe_in_the_wrong_protocol_is_told_by_the_kubelet(top: Top):
    """An HTTP probe that is answered in HTTP/2 frames asks a gRPC server."""
    words = "Readiness probe failed: Get http://10.1.0.3:8080/: malformed HTTP status code"
    said = event("Pod", "checkout-1-x7k2p", "Unhealthy", words)
    items = probing("readinessProbe", {"httpGet": {"port": 8080, "path": "/"}})
    assert top(situation(*items, said)) == ("readiness_probe_incorrect_protocol", "deployment/checkout")


def test_a_workload_at_zero_is_a_fault_only_if_somebody_wants_it(top: Top):
    """What Git wants one of and has none of is missing; what nobody wants is off."""
    idle = deployment("promo", replicas=0)
    assert top(situation(*well("cart"), idle)) is None
    wanted = manifest("kind: Deployment\nmetadata: {name: promo}\nspec: {replicas: 2}\n")
    found = top(situation(*well("cart"), idle, manifests={"promo": wanted}))
    assert found == ("deployment_zero_replicas", "deployment/promo")


def test_replicas_that_are_missing_for_no_known_reason_are_said_to_be(top: Top):
    """Fewer pods than asked for, all of them well, and no refusal: replicas were lost."""
    short = deployment("cart", replicas=3, ready=1)
    short["status"] = {"replicas": 1, "readyReplicas": 1}
    items = [item for item in well("cart") if item["kind"] != "Deployment"]
    assert top(situation(*items, short)) == ("replica_loss", "deployment/cart")
