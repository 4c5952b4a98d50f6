import asyncio
import json
import ssl
from pathlib import Path

import httpx
import pytest
from lightkube import AsyncClient
from lightkube.core.exceptions import ApiError
from lightkube.core.resource import NamespacedResource
from lightkube.resources import (
    apps_v1,
    autoscaling_v2,
    batch_v1,
    core_v1,
    discovery_v1,
    networking_v1,
    storage_v1,
)
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Event, Node, Pod, Service

from tests.lab.shop.shop_lab import ShopLab, deployment_path

PODS = "/api/v1/namespaces/shop/pods"


async def test_a_typed_client_reads_the_shop(lab: ShopLab):
    """lightkube lists and gets what the kubeconfig's current context may read."""
    async with lab.lightkube("shop-read") as client:
        deployments = {item.metadata.name: item async for item in client.list(Deployment, namespace="shop")}
        assert set(deployments) == {"cart", "catalog", "checkout", "frontend", "inventory", "payment", "recommendation"}
        checkout = await client.get(Deployment, "checkout", namespace="shop")
        assert checkout.status.availableReplicas == checkout.spec.replicas == 3
        assert checkout.metadata.labels["app.kubernetes.io/instance"] == "shop-checkout"
        assert [node.metadata.name async for node in client.list(Node)] == ["node-1", "node-2", "node-3"]
        assert (await client.get(Service, "cart-store", namespace="shop")).spec.ports[0].port == 6379
        assert [event async for event in client.list(Event, namespace="*")] == []
        with pytest.raises(ApiError) as missing:
            await client.get(Deployment, "tax", namespace="shop")
        assert missing.value.status.reason == "NotFound"


TYPED = (
    apps_v1.DaemonSet,
    apps_v1.Deployment,
    apps_v1.ReplicaSet,
    apps_v1.StatefulSet,
    autoscaling_v2.HorizontalPodAutoscaler,
    batch_v1.Job,
    core_v1.ConfigMap,
    core_v1.Endpoints,
    core_v1.Event,
    core_v1.LimitRange,
    core_v1.Namespace,
    core_v1.Node,
    core_v1.PersistentVolume,
    core_v1.PersistentVolumeClaim,
    core_v1.Pod,
    core_v1.ResourceQuota,
    core_v1.Secret,
    core_v1.Service,
    core_v1.ServiceAccount,
    discovery_v1.EndpointSlice,
    networking_v1.Ingress,
    networking_v1.NetworkPolicy,
    storage_v1.StorageClass,
)


async def test_every_kind_has_the_shape_of_the_real_api(lab: ShopLab):
    """A typed client, which knows the required fields, decodes every object of every kind."""
    await lab.fail("memory-leak", "cart")
    lab.step(15)
    count = 0
    async with lab.lightkube("shop-read") as client:
        for kind in TYPED:
            namespace = {"namespace": "*"} if issubclass(kind, NamespacedResource) else {}
            async for item in client.list(kind, **namespace):
                count += bool(item.metadata.uid and item.to_dict())
    assert count > 100


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app.kubernetes.io/name=cart", {"cart"}),
        ("app.kubernetes.io/name in (cart, payment)", {"cart", "payment"}),
        ("app.kubernetes.io/part-of=shop,app.kubernetes.io/instance", None),
        ("!app.kubernetes.io/instance", {"payment", "recommendation"}),
        ("app.kubernetes.io/name notin (cart,catalog,checkout,frontend,inventory,payment)", {"recommendation"}),
    ],
)
async def test_label_selectors_choose_objects(lab: ShopLab, selector: str, names: set[str] | None):
    """Equality, set and existence terms select as in Kubernetes."""
    answer = await lab.kubernetes("GET", "/apis/apps/v1/deployments", "shop-read", params={"labelSelector": selector})
    found = {item["metadata"]["name"] for item in answer.json()["items"]}
    assert found == (names or {"cart", "catalog", "checkout", "frontend", "inventory"})


async def test_field_selectors_and_pages(lab: ShopLab):
    """`fieldSelector` selects on fields; `limit` and `continue` walk through a list once."""
    answer = await lab.kubernetes("GET", PODS, params={"fieldSelector": "status.phase=Running,spec.nodeName=node-1"})
    assert {pod["spec"]["nodeName"] for pod in answer.json()["items"]} == {"node-1"}
    first = (await lab.kubernetes("GET", PODS, params={"limit": "5"})).json()
    token = first["metadata"]["continue"]
    second = (await lab.kubernetes("GET", PODS, params={"limit": "500", "continue": token})).json()
    names = [pod["metadata"]["name"] for pod in first["items"] + second["items"]]
    assert len(first["items"]) == 5
    assert first["metadata"]["remainingItemCount"] == len(second["items"])
    assert len(set(names)) == len(names) == 18


async def test_a_selector_that_is_none_is_a_bad_request(lab: ShopLab):
    """What cannot be parsed is refused with a Status."""
    answer = await lab.kubernetes("GET", PODS, params={"labelSelector": "a=b=c"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "BadRequest")


async def test_discovery_names_what_is_served(lab: ShopLab):
    """Every resource that discovery lists can be listed, and scale is a subresource."""
    apis = (await lab.kubernetes("GET", "/apis")).json()
    prefixes = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in apis["groups"])]
    seen: set[str] = set()
    for prefix in prefixes:
        for resource in (await lab.kubernetes("GET", prefix)).json()["resources"]:
            seen.add(resource["name"])
            if "list" in resource["verbs"]:
                answer = await lab.kubernetes("GET", f"{prefix}/{resource['name']}")
                assert answer.json()["kind"] == f"{resource['kind']}List"
    assert {"deployments/scale", "pods/log", "events", "endpointslices", "persistentvolumeclaims"} <= seen
    assert (await lab.kubernetes("GET", "/version")).json()["gitVersion"].startswith("v1.")


async def test_requests_without_a_known_token_are_unauthorized(lab: ShopLab):
    """No token and a made-up token get the same 401 Status."""
    context = ssl.create_default_context(cafile=Path(lab.at.kubeconfig).with_name("apiserver.crt"))
    async with httpx.AsyncClient(verify=context, trust_env=False) as client:
        for headers in ({}, {"authorization": "Bearer made-up"}):
            answer = await client.get(lab.at.kubernetes + PODS, headers=headers)
            assert (answer.status_code, answer.json()["reason"]) == (401, "Unauthorized")


async def test_unknown_paths_and_objects_are_not_found(lab: ShopLab):
    """404 carries the Status that kubectl prints."""
    answer = await lab.kubernetes("GET", "/apis/apps/v2/deployments")
    assert answer.json()["message"] == "the server could not find the requested resource"
    answer = await lab.kubernetes("GET", deployment_path("tax"))
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'deployments.apps "tax" not found',
        "reason": "NotFound",
        "details": {"name": "tax", "group": "apps", "kind": "deployments"},
        "code": 404,
    }


async def test_secrets_hold_no_secret(lab: ShopLab):
    """Keys are there, values are placeholders."""
    secrets = (await lab.kubernetes("GET", "/api/v1/namespaces/shop/secrets", "shop-read")).json()["items"]
    assert {key for secret in secrets for key in secret["data"]} == {"username", "password"}
    assert {value for secret in secrets for value in secret["data"].values()} == {"bm90LWEtcmVhbC1zZWNyZXQ="}


async def test_a_watch_tells_of_changes_from_a_version_on(lab: ShopLab):
    """A list's version, then a watch from it, misses nothing and repeats nothing."""
    version = (await lab.kubernetes("GET", PODS)).json()["metadata"]["resourceVersion"]
    await lab.restart("payment")

    async def seen(client: AsyncClient) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        async for event, pod in client.watch(Pod, namespace="shop", resource_version=version):
            found.append((event, pod.metadata.name))
            if [kind for kind, _ in found].count("DELETED") == 2:
                break
        return found

    async with lab.lightkube("shop-read") as client:
        events = await asyncio.wait_for(seen(client), 5)
    assert [event for event, _ in events].count("ADDED") == 2
    assert all(name.startswith("payment-") for _, name in events)


async def test_a_watch_from_a_forgotten_version_is_gone(lab: ShopLab):
    """Whoever lags too far behind is told to list again."""
    lab.shop.store._changes.extend(list(lab.shop.store._changes) * 20)
    answer = await lab.kubernetes("GET", PODS, params={"watch": "true", "resourceVersion": "1"})
    assert json.loads(answer.text.splitlines()[0])["object"]["code"] == 410


async def test_logs_are_cut_as_asked(lab: ShopLab):
    """`tailLines`, `sinceSeconds`, `container` and `timestamps` act as with kubectl."""
    pod = next(pod.name for pod in lab.shop.kubelet.pods() if pod.name.startswith("frontend"))
    lab.step(10)
    path = f"{PODS}/{pod}/log"
    everything = (await lab.kubernetes("GET", path)).text.splitlines()
    assert '"msg": "listening"' in everything[0]
    assert "trace_id" in everything[-1]
    assert (await lab.kubernetes("GET", path, params={"tailLines": "2"})).text.splitlines() == everything[-2:]
    recent = (await lab.kubernetes("GET", path, params={"sinceSeconds": "3"})).text.splitlines()
    assert 0 < len(recent) < len(everything) - 1
    stamped = (await lab.kubernetes("GET", path, params={"timestamps": "true", "tailLines": "1"})).text
    assert stamped.startswith("2026-03-14T")
    wrong = await lab.kubernetes("GET", path, params={"container": "sidecar"})
    assert wrong.status_code == 400
    previous = await lab.kubernetes("GET", path, params={"previous": "true"})
    assert "previous terminated container" in previous.json()["message"]
