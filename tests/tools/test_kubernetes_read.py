import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from domain.errors import InvalidQuery, NotFound, UpstreamRejected, UpstreamUnavailable
from domain.objects import ObjectRef, WorkloadRef
from tests.tools.conftest import Shop
from tools.artifacts import MemoryArtifacts
from tools.http import Upstream
from tools.kubernetes.read import KubernetesReader

Build = Callable[..., Upstream]
Handler = Callable[[httpx.Request], httpx.Response]


def status(code: int, message: str = "") -> httpx.Response:
    return httpx.Response(code, json={"kind": "Status", "status": "Failure", "message": message, "code": code})


def cluster(**collections: object) -> Handler:
    """An API server that has these collections, by plural name; a response, or the items of a list."""

    def handler(request: httpx.Request) -> httpx.Response:
        found = collections.get(request.url.path.rpartition("/")[2], [])
        return (
            found if isinstance(found, httpx.Response) else httpx.Response(200, json={"metadata": {}, "items": found})
        )

    return handler


async def test_of_secrets_only_names_are_asked_for(upstream: Build, artifacts: MemoryArtifacts):
    """The request is for metadata; a server that sends more is not listened to, and the artifact has no value."""
    secret = {"metadata": {"name": "db", "managedFields": [{}]}, "data": {"user": "c2hvcA=="}, "type": "Opaque"}
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/secrets"):
            asked.append(request.headers["accept"])
        return cluster(secrets=[secret])(request)

    reading = await KubernetesReader(upstream(handler)).objects("shop")
    (found,) = reading.value.of("Secret")
    assert found == {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}}
    assert asked == ["application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"]
    assert b"c2hvcA" not in await artifacts.get(reading.digest)


async def test_what_may_not_be_read_is_named(upstream: Build):
    """A forbidden kind is reported, an unknown one is not there, the rest is read."""
    handler = cluster(
        pods=[{"metadata": {"name": "a"}}],
        secrets=status(403, "secrets is forbidden"),
        nodes=status(503, "etcd is down"),
        endpointslices=status(404),
        events=httpx.Response(200, html="<html>"),
    )
    reading = await KubernetesReader(upstream(handler)).objects("kube-system")
    assert [item["metadata"] for item in reading.value.of("Pod")] == [{"name": "a"}]
    denied = {line.partition(":")[0]: line for line in reading.value.denied}
    assert set(denied) == {"secrets", "nodes", "events"}
    assert "forbidden" in denied["secrets"]
    assert reading.notes == reading.value.denied


@pytest.mark.parametrize(
    ("response", "error"), [(status(503), UpstreamUnavailable), (status(401, "Unauthorized"), UpstreamRejected)]
)
async def test_a_cluster_that_gives_nothing_is_an_error(
    upstream: Build, response: httpx.Response, error: type[Exception]
):
    """No cluster is not an empty cluster."""
    with pytest.raises(error):
        await KubernetesReader(upstream(lambda _: response)).objects("shop")


async def test_long_lists_are_read_page_by_page(upstream: Build):
    """The server's `continue` is followed to the end."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/api/v1/namespaces":
            return status(404)
        page = int(request.url.params.get("continue", "0"))
        more = {"continue": str(page + 1)} if page < 2 else {}
        return httpx.Response(200, json={"metadata": more, "items": [{"metadata": {"name": f"n{page}"}}]})

    assert (await KubernetesReader(upstream(handler)).namespaces()).value == ("n0", "n1", "n2")


@pytest.mark.parametrize("name", ["../secrets", "a/b", "", "UPPER", "a..b", "x?y", "x%2fy"])
async def test_names_lead_nowhere_else(upstream: Build, name: str):
    """Text that is no name never reaches a path."""
    reader = KubernetesReader(upstream(lambda _: pytest.fail("it was sent")))
    with pytest.raises(InvalidQuery):
        await reader.logs("shop", name)
    with pytest.raises(InvalidQuery):
        await reader.events(name)


LOG = "starting\nINFO ready\nERROR dial tcp: connection refused\nINFO tick\npanic: password=hunter2\nINFO bye"


def logging(request: httpx.Request) -> httpx.Response:
    """A pod of two containers."""
    if not request.url.path.endswith("/log"):
        containers = [{"name": "proxy"}, {"name": "app"}]
        annotations = {"kubectl.kubernetes.io/default-container": "app"}
        return httpx.Response(200, json={"metadata": {"annotations": annotations}, "spec": {"containers": containers}})
    if "container" not in request.url.params:
        return status(400, "a container name must be specified for pod p, choose one of: [proxy app]")
    lines = LOG.splitlines()[-int(request.url.params["tailLines"]) :]
    return httpx.Response(200, text="\n".join([request.url.params["container"], *lines]))


async def test_logs_of_a_pod_are_those_of_its_default_container(upstream: Build):
    """As kubectl chooses; the query says which it was."""
    reading = await KubernetesReader(upstream(logging)).logs("shop", "p", tail=2)
    assert reading.value.splitlines() == ["panic: password=[redacted]", "INFO bye"]
    assert reading.query.startswith("logs shop/p/app")


async def test_grep_looks_through_more_than_the_tail(upstream: Build):
    """Any of the words, case ignored, and no regular expression."""
    reader = KubernetesReader(upstream(logging))
    found = (await reader.logs("shop", "p", "app", tail=1, grep="error|PANIC")).value
    assert found == "panic: password=[redacted]"
    assert (await reader.logs("shop", "p", "app", grep="error|PANIC")).value.count("\n") == 1
    assert (await reader.logs("shop", "p", "app", grep=".*")).value == ""
    with pytest.raises(InvalidQuery):
        await reader.logs("shop", "p", "app", grep="|")


async def test_logs_that_are_no_utf8_are_read(upstream: Build):
    """Programs write what they like."""
    reader = KubernetesReader(upstream(lambda _: httpx.Response(200, content=b"caf\xe9 \x00\xff\n")))
    assert (await reader.logs("shop", "p", "app")).value.startswith("caf")


async def test_a_node_that_gives_no_logs_is_not_an_outage_of_the_api(upstream: Build):
    """The API server's 500 about a kubelet is no reason to look again soon; any other 500 is."""

    def answer(message: str) -> Upstream:
        return upstream(lambda _: httpx.Response(500, json={"kind": "Status", "message": message}))

    with pytest.raises(UpstreamRejected, match="the node does not give the log"):
        await KubernetesReader(answer('Get "https://n:10250/containerLogs/shop/p/app": dial tcp: refused')).logs(
            "shop", "p"
        )
    with pytest.raises(UpstreamUnavailable):
        await KubernetesReader(answer("etcd is away")).logs("shop", "p")


async def test_events_of_both_kinds_are_told_alike(upstream: Build):
    """Counted events and series; the last seen comes last; what is about nothing is left out."""
    involved = {"kind": "Pod", "name": "p", "namespace": "shop"}
    old = {
        "metadata": {},
        "involvedObject": involved,
        "type": "Warning",
        "reason": "BackOff",
        "message": "Back-off restarting failed container",
        "count": 7,
        "firstTimestamp": "2026-11-21T11:00:00Z",
        "lastTimestamp": "2026-11-21T12:00:00Z",
        "source": {"component": "kubelet"},
    }
    new = {
        "metadata": {"creationTimestamp": "2026-11-21T10:00:00Z"},
        "involvedObject": involved,
        "reason": "Scheduled",
        "eventTime": "2026-11-21T11:30:00.123456Z",
        "reportingComponent": "default-scheduler",
        "series": {"count": 3, "lastObservedTime": "2026-11-21T11:40:00.000000Z"},
        "count": None,
        "firstTimestamp": None,
        "lastTimestamp": None,
    }
    events = [old, {"metadata": {}, "involvedObject": {}}, new]
    reading = await KubernetesReader(upstream(cluster(events=events))).events("shop", ObjectRef(kind="pod", name="p"))
    assert [(event.reason, event.count, event.source) for event in reading.value] == [
        ("Scheduled", 3, "default-scheduler"),
        ("BackOff", 7, "kubelet"),
    ]


@pytest.mark.parametrize(
    ("spec", "status_", "rolled_out", "message"),
    [
        ({"replicas": 2}, {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}, True, "rolled out"),
        (
            {"replicas": 2},
            {"updatedReplicas": 1, "replicas": 3, "availableReplicas": 2},
            False,
            "1 of 2 replicas are updated",
        ),
        ({"replicas": 2}, {"updatedReplicas": 2, "replicas": 3, "availableReplicas": 2}, False, "1 old replicas"),
        (
            {"replicas": 2},
            {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 1},
            False,
            "1 of 2 replicas are available",
        ),
        ({"replicas": 0}, {}, True, "rolled out"),
        ({}, {"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}, True, "rolled out"),
        ({"replicas": 1}, {"observedGeneration": 2}, False, "not seen"),
        (
            {"replicas": 1},
            {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]},
            False,
            "deadline",
        ),
    ],
)
async def test_a_rollout_says_what_it_waits_for(
    upstream: Build, spec: dict[str, object], status_: dict[str, object], rolled_out: bool, message: str
):
    """By the rules of `kubectl rollout status`."""
    live = {
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "u", "generation": 3},
        "spec": {"template": {"spec": {"containers": [{"name": "app", "image": "shop/checkout:1"}]}}, **spec},
        "status": {"observedGeneration": 3, **status_},
    }

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=live) if request.url.path.endswith("/checkout") else cluster()(request)

    state = (await KubernetesReader(upstream(handler)).workload(WorkloadRef(namespace="shop", name="checkout"))).value
    assert state.rolled_out is rolled_out
    assert message in state.message
    assert state.precondition.images == ("shop/checkout:1",)


async def test_history_and_autoscaler_are_told_as_far_as_they_may_be_read(upstream: Build):
    """A workload can be described without them."""
    live = {"metadata": {"name": "checkout", "uid": "u", "generation": 1}, "spec": {"replicas": 1}}

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=live) if request.url.path.endswith("/checkout") else status(403)

    ref = WorkloadRef(namespace="shop", name="checkout")
    state = (await KubernetesReader(upstream(handler)).workload(ref)).value
    assert state.entry.revisions == ()
    assert state.entry.autoscaled_max is None
    with pytest.raises(UpstreamRejected):
        await KubernetesReader(upstream(handler)).rollout_history(ref)


def revision(name: str, number: int, owner: str = "u") -> dict[str, object]:
    metadata = {"name": name, "uid": name, "ownerReferences": [{"uid": owner}]}
    template = {"$patch": "replace", "spec": {"containers": [{"name": "app", "image": f"shop/cart:{number}"}]}}
    return {"metadata": metadata, "revision": number, "data": {"spec": {"template": template}}}


@pytest.mark.parametrize("kind", ["statefulset", "daemonset"])
async def test_stateful_sets_and_daemon_sets_have_a_history_too(upstream: Build, kind: str):
    """Their revisions are ControllerRevisions; those of others of the same labels are not theirs."""
    live = {
        "metadata": {"name": "cart", "uid": "u", "generation": 1},
        "spec": {"replicas": 1},
        "status": {
            "updateRevision": "cart-b",
            "desiredNumberScheduled": 3,
            "numberReady": 2,
            "updatedNumberScheduled": 3,
        },
    }
    kept = [revision("cart-b", 2), revision("cart-a", 1), revision("other", 9, owner="x")]

    def handler(request: httpx.Request) -> httpx.Response:
        found = cluster(controllerrevisions=kept)
        return httpx.Response(200, json=live) if request.url.path.endswith("/cart") else found(request)

    ref = WorkloadRef.model_validate({"kind": kind, "namespace": "shop", "name": "cart"})
    entry = (await KubernetesReader(upstream(handler)).workload(ref)).value.entry
    assert [(item.number, item.images) for item in entry.revisions] == [(1, ("shop/cart:1",)), (2, ("shop/cart:2",))]
    assert entry.current_revision == 2
    assert entry.replicas == (3 if kind == "daemonset" else 1)


@pytest.fixture
async def reader(shop: Shop, artifacts: MemoryArtifacts) -> AsyncIterator[KubernetesReader]:
    async with shop.client("shop-read", artifacts) as upstream:
        yield KubernetesReader(upstream)


async def test_the_shop_is_read(reader: KubernetesReader, artifacts: MemoryArtifacts):
    """Every kind in one go, with the raw objects behind the digest."""
    await reader.ready()
    assert "shop" in (await reader.namespaces()).value
    reading = await reader.objects("shop")
    kinds = {str(item["kind"]) for item in reading.value.items}
    assert {"Pod", "Deployment", "ReplicaSet", "StatefulSet", "Service", "ConfigMap", "Secret", "Node"} <= kinds
    assert reading.value.denied == ()
    assert json.loads(await artifacts.get(reading.digest))["items"] == list(reading.value.items)


async def test_a_workload_of_the_shop_is_described(reader: KubernetesReader):
    """Identity, history, the application that tracks it; what is not there is not found."""
    ref = WorkloadRef(namespace="shop", name="catalog")
    state = (await reader.workload(ref)).value
    assert state.entry.application == "shop-catalog"
    assert state.entry.current_revision == state.entry.revisions[-1].number
    assert state.precondition.revision == state.entry.current_revision
    assert (await reader.rollout_history(ref)).value == state.entry.revisions
    with pytest.raises(NotFound):
        await reader.workload(WorkloadRef(namespace="shop", name="absent"))
    with pytest.raises(NotFound):
        await reader.logs("shop", "absent")


async def test_the_shops_logs_are_read(reader: KubernetesReader):
    """The tail that was asked for, and no more."""
    pods = (await reader.objects("shop")).value.of("Pod")
    names = [str(pod["metadata"]["name"]) for pod in pods if isinstance(pod["metadata"], dict)]
    catalog = next(name for name in names if name.startswith("catalog"))
    assert len((await reader.logs("shop", catalog, tail=3)).value.splitlines()) <= 3
