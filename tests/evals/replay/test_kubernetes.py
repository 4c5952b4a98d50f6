"""The replayed API server answers as a real one does."""

import asyncio
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import yaml
from starlette.applications import Starlette

from evals.replay.kubernetes import REVIEWER, KubernetesReplay
from evals.replay.listening import listening
from evals.replay.objects import ObjectTable, plural_of
from tests.agent.analysis.shapes import NAMESPACE, NOW, pod
from tests.evals.replay.recorded import LOGS, recording
from tools.kubernetes.changes import STRATEGIC_MERGE

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
LOG = f"{PODS}/cart-1-x7k2p/log"
TWO_CONTAINERS = pod("pair", containers=[{"name": "app"}, {"name": "proxy"}])
WAITING = pod("stuck", status={"state": {"waiting": {"reason": "ImagePullBackOff"}}})
GATEWAY = {"apiVersion": "example.io/v1", "kind": "Gateway", "metadata": {"name": "edge", "namespace": NAMESPACE}}


@pytest.fixture
async def server() -> AsyncIterator[str]:
    """A replayed API server; its URL."""
    items = (*recording().items, TWO_CONTAINERS, WAITING, GATEWAY)
    async with listening(Starlette(routes=KubernetesReplay(ObjectTable(items), LOGS, NOW).routes())) as url:
        yield url


@pytest.fixture
async def api(server: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with httpx.AsyncClient(base_url=server, trust_env=False) as client:
        yield client


def names(answer: httpx.Response) -> list[str]:
    return [item["metadata"]["name"] for item in answer.raise_for_status().json()["items"]]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"labelSelector": "app=cart"}, ["cart-1-x7k2p"]),
        ({"labelSelector": "app in (cart, catalog),app!=catalog"}, ["cart-1-x7k2p"]),
        ({"labelSelector": "app notin (cart,catalog,pair)"}, ["stuck-1-x7k2p"]),
        ({"labelSelector": "app,!tier,app==pair"}, ["pair-1-x7k2p"]),
        ({"labelSelector": "tier"}, []),
        ({"fieldSelector": "metadata.name=cart-1-x7k2p,spec.nodeName=n1"}, ["cart-1-x7k2p"]),
        ({"fieldSelector": "status.phase!=Running"}, []),
    ],
)
async def test_lists_are_selected(api: httpx.AsyncClient, params: dict[str, str], expected: list[str]):
    """By labels in every form the API has, and by the fields it has for the kind."""
    assert names(await api.get(PODS, params=params)) == expected


async def test_events_are_selected_by_what_they_are_about(api: httpx.AsyncClient):
    """As the product asks for them."""
    where = f"/api/v1/namespaces/{NAMESPACE}/events"
    found = await api.get(where, params={"fieldSelector": "involvedObject.kind=Pod,reason=BackOff"})
    assert names(found) == ["cart-1-x7k2p.BackOff"]


async def test_lists_come_in_pages_in_the_order_of_names(api: httpx.AsyncClient):
    """Each page says how to go on; together they are the whole list; items do not repeat their kind."""
    seen: list[str] = []
    params = {"limit": "2"}
    while True:
        page = (await api.get("/api/v1/pods", params=params)).json()
        seen += [item["metadata"]["name"] for item in page["items"]]
        assert page["kind"] == "PodList"
        assert all("kind" not in item for item in page["items"])
        if "continue" not in page["metadata"]:
            break
        assert page["metadata"]["remainingItemCount"] == 4 - len(seen)
        params["continue"] = page["metadata"]["continue"]
    assert seen == ["cart-1-x7k2p", "catalog-1-x7k2p", "pair-1-x7k2p", "stuck-1-x7k2p"]


async def test_kinds_that_were_recorded_are_there_and_built_in_ones_always_are(api: httpx.AsyncClient):
    """A resource of an unknown kind has the English plural of its name; a kind nobody knows is a 404."""
    assert names(await api.get(f"/apis/example.io/v1/namespaces/{NAMESPACE}/gateways")) == ["edge"]
    assert names(await api.get("/apis/autoscaling/v2/horizontalpodautoscalers")) == []
    assert names(await api.get("/api/v1/nodes")) == ["n1", "n2"]
    assert (await api.get("/apis/example.io/v1/teapots")).status_code == 404
    assert [plural_of(kind) for kind in ("Ingress", "Policy", "Gateway")] == ["ingresses", "policies", "gateways"]


async def test_metadata_alone_is_given_to_who_accepts_no_more(api: httpx.AsyncClient):
    """Names without contents."""
    accept = {"accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    listed = (await api.get(PODS, headers=accept)).json()
    assert listed["kind"] == "PartialObjectMetadataList"
    assert [set(item) for item in listed["items"]] == [{"metadata"}] * 4


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "2026-05-04T10:20:00Z old\n  of old\n2026-05-04T10:29:30.5Z new\nof new\n"),
        ({"tailLines": "1"}, "of new\n"),
        ({"tailLines": "0"}, ""),
        ({"sinceSeconds": "60"}, "2026-05-04T10:29:30.5Z new\nof new\n"),
        ({"sinceSeconds": "60", "tailLines": "1"}, "of new\n"),
        ({"previous": "true"}, "crashed\n"),
        ({"container": "app", "limitBytes": "10"}, "2026-05-04"),
    ],
)
async def test_logs_are_cut_as_asked(api: httpx.AsyncClient, params: dict[str, str], expected: str):
    """`sinceSeconds` counts from when the incident was recorded, and a line belongs to the time before it."""
    assert (await api.get(LOG, params=params)).text == expected


@pytest.mark.parametrize(
    ("path", "params", "code", "words"),
    [
        (f"{PODS}/none", {}, 404, 'pods "none" not found'),
        (f"{PODS}/none/log", {}, 404, 'pods "none" not found'),
        (f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/none", {}, 404, 'deployments.apps "none" not found'),
        (f"{PODS}/pair-1-x7k2p/log", {}, 400, "a container name must be specified for pod pair-1-x7k2p"),
        (LOG, {"container": "none"}, 400, "container none is not valid for pod cart-1-x7k2p"),
        (f"{PODS}/stuck-1-x7k2p/log", {}, 400, "is waiting to start: ImagePullBackOff"),
        (f"{PODS}/stuck-1-x7k2p/log", {"previous": "true"}, 400, "previous terminated container"),
        (LOG, {"tailLines": "-1"}, 400, "tailLines"),
        (PODS, {"labelSelector": "a=b=c"}, 400, "unable to parse requirement"),
        (PODS, {"fieldSelector": "spec.colour=red"}, 400, "field label not supported: spec.colour"),
        (PODS, {"limit": "some"}, 400, "limit"),
        (PODS, {"continue": "somewhere"}, 400, "continue key is not valid"),
    ],
)
async def test_what_cannot_be_given_is_refused_with_a_status(
    api: httpx.AsyncClient, path: str, params: dict[str, str], code: int, words: str
):
    """The code and the words of the real server."""
    answer = await api.get(path, params=params)
    assert (answer.status_code, answer.json()["kind"], answer.json()["code"]) == (code, "Status", code)
    assert words in answer.json()["message"]


async def test_nothing_can_be_written(api: httpx.AsyncClient):
    """A write is forbidden to the reader it stands for; a verb that a path does not have is a 405."""
    one = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/cart"
    refused = await api.patch(one, json={}, params={"dryRun": "All"})
    assert refused.status_code == 403
    assert "cannot patch" in refused.json()["message"]
    assert (await api.post(one, json={})).status_code == 405


async def test_who_prepares_plans_may_try_a_patch_and_write_none(api: httpx.AsyncClient):
    """A dry run answers with the patched object, the stored one stays; without `dryRun` it is forbidden."""
    one = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/cart"
    headers = {"authorization": f"Bearer {REVIEWER}", "content-type": STRATEGIC_MERGE}
    before = (await api.get(one)).json()
    send = {"content": b'{"spec":{"replicas":7}}', "headers": headers}
    tried = await api.patch(one, params={"dryRun": "All"}, **send)
    assert tried.status_code == 200
    assert tried.json()["spec"] == {**before["spec"], "replicas": 7}
    assert (await api.patch(one, **send)).status_code == 403
    assert (await api.get(one)).json() == before
    assert (await api.delete(PODS)).status_code == 405
    assert (await api.get(PODS, params={"watch": "true"})).status_code == 405


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
async def test_kubectl_reads_it(server: str, tmp_path: Path):
    """Another client than ours finds its way by discovery."""
    config = tmp_path / "kubeconfig"
    cluster = {"clusters": [{"name": "r", "cluster": {"server": server}}]}
    context = {"contexts": [{"name": "r", "context": {"cluster": "r", "user": ""}}], "current-context": "r"}
    config.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **cluster, **context}))
    command = ["kubectl", f"--kubeconfig={config}", f"--cache-dir={tmp_path}", "-n", NAMESPACE]
    listed = await _output([*command, "get", "gateways,pods", "-l", "app!=pair", "-o", "name"])
    assert listed.split() == [
        "gateway.example.io/edge",
        *(f"pod/{name}-1-x7k2p" for name in ("cart", "catalog", "stuck")),
    ]
    assert await _output([*command, "logs", "cart-1-x7k2p", "--tail=1"]) == "of new\n"


async def _output(command: list[str]) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    output, _ = await process.communicate()
    return output.decode()
