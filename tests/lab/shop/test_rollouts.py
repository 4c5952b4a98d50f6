from tests.lab.shop.shop_lab import ShopLab, deployment_path

REVISION = "deployment.kubernetes.io/revision"
IMAGE = "registry.shop.example/shop/checkout:2.4.0"


def image_patch(image: str) -> dict:
    """A patch of checkout's image."""
    return {"spec": {"template": {"spec": {"containers": [{"name": "checkout", "image": image}]}}}}


async def replica_sets(lab: ShopLab, name: str) -> list[dict]:
    """A Deployment's ReplicaSets by revision."""
    found = (await lab.kubernetes("GET", "/apis/apps/v1/namespaces/shop/replicasets")).json()["items"]
    own = [each for each in found if each["metadata"]["ownerReferences"][0]["name"] == name]
    return sorted(own, key=lambda each: int(each["metadata"]["annotations"][REVISION]))


async def test_a_new_template_makes_a_new_revision(lab: ShopLab):
    """A new ReplicaSet takes over a pod at a time, never below the wanted number, and the events tell it."""
    (await lab.patch(deployment_path("checkout"), image_patch(IMAGE))).raise_for_status()
    for _ in range(40):
        lab.step(0.25)
        assert (await lab.deployment("checkout"))["status"]["availableReplicas"] >= 3
    after = await lab.deployment("checkout")
    sets = await replica_sets(lab, "checkout")
    assert after["metadata"]["annotations"][REVISION] == sets[-1]["metadata"]["annotations"][REVISION] == "3"
    assert [each["spec"]["replicas"] for each in sets] == [0, 0, 3]
    conditions = {each["type"]: (each["status"], each["reason"]) for each in after["status"]["conditions"]}
    assert conditions == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    events = (await lab.kubernetes("GET", "/api/v1/namespaces/shop/events")).json()["items"]
    messages = [event["message"] for event in events if event["reason"] == "ScalingReplicaSet"]
    name = sets[-1]["metadata"]["name"]
    assert f"Scaled up replica set {name} from 0 to 1" in messages
    assert {"Scheduled", "Pulling", "Pulled", "Created", "Started", "Killing"} <= {event["reason"] for event in events}


async def test_undo_brings_the_old_template_and_its_replica_set_back(lab: ShopLab):
    """The ReplicaSet of the wanted template is used again under a new revision number."""
    before = await lab.deployment("checkout")
    (await lab.patch(deployment_path("checkout"), image_patch(IMAGE))).raise_for_status()
    lab.step(12)
    old = (await replica_sets(lab, "checkout"))[-2]
    await lab.undo("checkout")
    after = await lab.deployment("checkout")
    assert after["spec"]["template"] == before["spec"]["template"]
    newest = (await replica_sets(lab, "checkout"))[-1]
    assert newest["metadata"]["name"] == old["metadata"]["name"]
    assert newest["metadata"]["annotations"][REVISION] == "4"


async def test_a_rollout_that_cannot_finish_exceeds_its_deadline(lab: ShopLab):
    """Progressing turns False after `progressDeadlineSeconds`; the old pods still serve."""
    (await lab.patch(deployment_path("checkout"), image_patch("registry.shop.example/shop/checkout:0.0.1")))
    lab.step(10)
    pods = (await lab.kubernetes("GET", "/api/v1/namespaces/shop/pods")).json()["items"]
    waiting = [
        status["state"]["waiting"]
        for pod in pods
        for status in pod["status"]["containerStatuses"]
        if "waiting" in status["state"]
    ]
    assert [each["reason"] for each in waiting] == ["ImagePullBackOff"]
    assert waiting[0]["message"].startswith('Back-off pulling image "registry.shop.example/shop/checkout:0.0.1"')
    lab.step(30)
    status = (await lab.deployment("checkout"))["status"]
    progressing = next(each for each in status["conditions"] if each["type"] == "Progressing")
    assert (progressing["status"], progressing["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert status["availableReplicas"] == 3


async def test_a_paused_deployment_does_not_roll(lab: ShopLab):
    """A template change waits until the Deployment is resumed."""
    path = deployment_path("checkout")
    (await lab.patch(path, {"spec": {"paused": True}})).raise_for_status()
    (await lab.patch(path, image_patch(IMAGE))).raise_for_status()
    lab.step(8)
    assert len(await replica_sets(lab, "checkout")) == 2
    (await lab.patch(path, {"spec": {"paused": False}})).raise_for_status()
    lab.step(12)
    assert (await replica_sets(lab, "checkout"))[-1]["spec"]["replicas"] == 3


async def test_a_failing_probe_keeps_a_pod_out_of_its_service(lab: ShopLab):
    """A probe of the wrong port is seen as Unhealthy, and no traffic reaches the pod."""
    probe = {"httpGet": {"path": "/healthz", "port": 9999}}
    patch = image_patch(IMAGE)
    patch["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = probe
    (await lab.patch(deployment_path("checkout"), patch)).raise_for_status()
    lab.step(8)
    events = (await lab.kubernetes("GET", "/api/v1/namespaces/shop/events")).json()["items"]
    unhealthy = [event["message"] for event in events if event["reason"] == "Unhealthy"]
    assert any("connection refused" in message for message in unhealthy)
    endpoints = (await lab.kubernetes("GET", "/api/v1/namespaces/shop/endpoints/checkout")).json()
    assert len(endpoints["subsets"][0]["addresses"]) == 3
    assert len(endpoints["subsets"][0]["notReadyAddresses"]) == 1


async def test_a_service_that_selects_nothing_breaks_its_callers(lab: ShopLab):
    """A selector or target port that does not match is really felt; putting it right heals."""
    path = "/api/v1/namespaces/shop/services/payment"
    selector = {"spec": {"selector": {"app.kubernetes.io/name": "payments"}}}
    (await lab.patch(path, selector, "merge-patch")).raise_for_status()
    lab.step(1)
    assert await lab.error_ratio("checkout") == 1
    right = {"spec": {"selector": {"app.kubernetes.io/name": "payment"}}}
    (await lab.patch(path, right, "merge-patch")).raise_for_status()
    lab.step(1)
    assert await lab.error_ratio("checkout") == 0
    ports = {"spec": {"ports": [{"name": "http", "port": 8080, "targetPort": 9090}]}}
    (await lab.patch(path, ports, "merge-patch")).raise_for_status()
    lab.step(1)
    assert await lab.error_ratio("checkout") == 1


async def test_a_missing_config_map_stops_new_pods_only(lab: ShopLab):
    """CreateContainerConfigError for pods that start without it; running ones have read it already."""
    (await lab.kubernetes("DELETE", "/api/v1/namespaces/shop/configmaps/checkout-config")).raise_for_status()
    await lab.restart("checkout")
    assert await lab.value("kube_pod_container_status_waiting_reason", reason="CreateContainerConfigError") == 1
    assert await lab.error_ratio("checkout") == 0


async def test_a_deleted_pod_is_replaced(lab: ShopLab):
    """The ReplicaSet makes a new one, and a StatefulSet one of the same name."""
    pods = "/api/v1/namespaces/shop/pods"
    victim = next(pod.name for pod in lab.shop.kubelet.pods() if pod.name.startswith("payment"))
    before = lab.shop.store.version
    for name in (victim, "cart-store-0"):
        answer = (await lab.kubernetes("DELETE", f"{pods}/{name}")).raise_for_status().json()
        assert "deletionTimestamp" in answer["metadata"]
    lab.step(6)
    names = {pod["metadata"]["name"] for pod in (await lab.kubernetes("GET", pods)).json()["items"]}
    assert victim not in names
    assert sum(name.startswith("payment") for name in names) == 2
    store = (await lab.kubernetes("GET", f"{pods}/cart-store-0")).json()
    assert store["status"]["phase"] == "Running"
    assert int(store["metadata"]["resourceVersion"]) > before


async def test_a_stateful_set_scales_in_order(lab: ShopLab):
    """Pods are numbered and come one after the other."""
    path = "/apis/apps/v1/namespaces/shop/statefulsets/cart-store/scale"
    (await lab.patch(path, {"spec": {"replicas": 3}}, "merge-patch")).raise_for_status()
    lab.step(1)
    names = [pod.name for pod in lab.shop.kubelet.pods() if pod.name.startswith("cart-store")]
    assert names == ["cart-store-0", "cart-store-1"]
    lab.step(6)
    names = [pod.name for pod in lab.shop.kubelet.pods() if pod.name.startswith("cart-store")]
    assert names == ["cart-store-0", "cart-store-1", "cart-store-2"]


async def test_a_deleted_deployment_takes_its_pods_along(lab: ShopLab):
    """Dependants are collected, callers that can do without go on."""
    (await lab.kubernetes("DELETE", deployment_path("recommendation"))).raise_for_status()
    lab.step(4)
    assert not [pod for pod in lab.shop.kubelet.pods() if pod.name.startswith("recommendation")]
    assert await replica_sets(lab, "recommendation") == []
    assert await lab.error_ratio("frontend") == 0
