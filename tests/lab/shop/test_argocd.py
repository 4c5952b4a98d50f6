import json

import pytest

from tests.lab.shop.shop_lab import ShopLab, deployment_path


async def test_a_sync_runs_and_leaves_its_result(lab: ShopLab):
    """Running, then Succeeded after a second or two, with results and a new history entry."""
    before = await lab.application("shop-checkout")
    infos = [{"name": "change", "value": "c-1"}]
    answer = await lab.argocd("POST", "/shop-checkout/sync", write=True, json={"infos": infos})
    assert answer.json()["operation"]["info"] == infos
    running = (await lab.application("shop-checkout"))["status"]["operationState"]
    assert (running["phase"], "finishedAt" in running) == ("Running", False)
    lab.step(2)
    after = await lab.application("shop-checkout")
    done = after["status"]["operationState"]
    assert (done["phase"], done["message"]) == ("Succeeded", "successfully synced (all tasks run)")
    assert done["operation"]["info"] == infos
    assert done["syncResult"]["revision"] == after["status"]["sync"]["revision"]
    assert {each["status"] for each in done["syncResult"]["resources"]} == {"Synced"}
    ids = [entry["id"] for entry in after["status"]["history"]]
    assert ids == [*(entry["id"] for entry in before["status"]["history"]), ids[-2] + 1]
    assert "operation" not in after


async def test_rollback_takes_the_cluster_back_and_leaves_git_ahead(lab: ShopLab):
    """The old image runs, the history grows, and the application is OutOfSync with HEAD."""
    await lab.roll_back("shop-checkout")
    after = await lab.application("shop-checkout")
    first, _, last = after["status"]["history"]
    assert (last["revision"], last["initiatedBy"]) == (first["revision"], {"username": "shop-write"})
    assert after["status"]["sync"]["status"] == "OutOfSync"
    assert after["status"]["health"]["status"] == "Healthy"
    assert after["status"]["summary"]["images"] == ["registry.shop.example/shop/checkout:2.4.0"]
    out = [each["name"] for each in after["status"]["resources"] if each["status"] == "OutOfSync"]
    assert out == ["checkout"]


async def test_rollback_under_auto_sync_is_refused_until_it_is_off(lab: ShopLab):
    """FailedPrecondition, as the real one says it; a PATCH of the sync policy opens the way."""
    answer = await lab.argocd("POST", "/shop-cart-store/rollback", write=True, json={"id": 0})
    message = "rollback cannot be initiated when auto-sync is enabled"
    assert answer.status_code == 400
    assert answer.json() == {"error": message, "code": 9, "message": message}
    patch = {"patch": json.dumps({"spec": {"syncPolicy": None}}), "patchType": "merge"}
    off = (await lab.argocd("PATCH", "/shop-cart-store", write=True, json=patch)).raise_for_status().json()
    assert "syncPolicy" not in off["spec"]
    assert (await lab.argocd("POST", "/shop-cart-store/rollback", write=True, json={"id": 0})).status_code == 200
    lab.step(8)
    images = (await lab.application("shop-cart-store"))["status"]["summary"]["images"]
    assert images == ["registry.shop.example/shop/cart-store:7.2.4"]


async def test_auto_sync_follows_git_and_self_heal_undoes_drift(lab: ShopLab):
    """A new commit is synced unasked; with selfHeal a manual change is put right."""
    answer = await lab.client.post(f"{lab.at.control}/releases", json={"service": "cart-store"})
    lab.step(10)
    app = await lab.application("shop-cart-store")
    assert app["status"]["sync"] == {**app["status"]["sync"], "status": "Synced", "revision": answer.json()["revision"]}
    assert app["status"]["operationState"]["operation"]["initiatedBy"] == {"automated": True}
    policy = {"spec": {"syncPolicy": {"automated": {"selfHeal": True}}}}
    patch = {"patch": json.dumps(policy), "patchType": "merge"}
    (await lab.argocd("PATCH", "/shop-checkout", write=True, json=patch)).raise_for_status()
    await lab.scale("checkout", 5)
    assert (await lab.deployment("checkout"))["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code", "message"),
    [
        (
            "POST",
            "/shop-cart/rollback",
            {"id": 77},
            400,
            3,
            "application shop-cart does not have deployment with id 77",
        ),
        (
            "POST",
            "/shop-cart/sync",
            {"revision": "feedbee"},
            400,
            9,
            "error resolving repo revision: unable to resolve 'feedbee' to a commit SHA",
        ),
        (
            "DELETE",
            "/shop-cart/operation",
            None,
            400,
            3,
            "Unable to terminate operation. No operation is in progress",
        ),
        ("POST", "/shop-tax/sync", {}, 403, 7, "permission denied"),
        ("POST", "/shop-tax/sync?project=shop", {}, 404, 5, 'applications.argoproj.io "shop-tax" not found'),
    ],
)
async def test_refusals_are_those_of_the_gateway(
    lab: ShopLab, method: str, path: str, body: object, status: int, code: int, message: str
):
    """HTTP status, gRPC code and message are what Argo CD's REST API gives."""
    answer = await lab.argocd(method, path, write=True, json=body)
    assert answer.status_code == status
    assert answer.json() == {"error": message, "code": code, "message": message}


async def test_one_operation_at_a_time(lab: ShopLab):
    """A second sync meanwhile is refused, and a running one can be terminated."""
    await lab.argocd("POST", "/shop-cart/sync", write=True, json={})
    answer = await lab.argocd("POST", "/shop-cart/sync", write=True, json={})
    assert answer.json()["message"] == "another operation is already in progress"
    assert (await lab.argocd("DELETE", "/shop-cart/operation", write=True)).status_code == 200
    assert (await lab.application("shop-cart"))["status"]["operationState"]["phase"] == "Failed"


async def test_a_dry_run_sync_applies_nothing(lab: ShopLab):
    """It is an operation with a result, but leaves objects and history alone."""
    before = await lab.application("shop-cart")
    await lab.scale("cart", 4)
    await lab.argocd("POST", "/shop-cart/sync", write=True, json={"dryRun": True})
    lab.step(3)
    after = await lab.application("shop-cart")
    messages = [each["message"] for each in after["status"]["operationState"]["syncResult"]["resources"]]
    assert "deployment.apps/cart configured (dry run)" in messages
    assert after["status"]["history"] == before["status"]["history"]
    assert (await lab.deployment("cart"))["spec"]["replicas"] == 4
    assert (await lab.writes())[-1]["dry_run"] is True
    assert (await lab.writes())[-1]["changed"] is False


async def test_the_read_token_only_reads(lab: ShopLab):
    """Without a token 401, with the read token 403 on writes."""
    answer = await lab.client.get(f"{lab.at.argocd}/api/v1/applications")
    assert (answer.status_code, answer.json()["code"]) == (401, 16)
    answer = await lab.argocd("POST", "/shop-cart/sync", json={})
    assert answer.status_code == 403
    assert answer.json()["message"].startswith("permission denied: applications, sync, shop/shop-cart, sub: shop-read")


async def test_drift_shows_in_managed_resources(lab: ShopLab):
    """States are JSON strings; the live one differs from the wanted one where somebody scaled."""
    await lab.scale("checkout", 4)
    items = (await lab.argocd("GET", "/shop-checkout/managed-resources")).json()["items"]
    states = {item["kind"]: item for item in items}
    deployment = states["Deployment"]
    assert json.loads(deployment["targetState"])["spec"]["replicas"] == 3
    assert json.loads(deployment["normalizedLiveState"])["spec"]["replicas"] == 4
    assert json.loads(deployment["predictedLiveState"])["spec"]["replicas"] == 3
    assert "status" not in json.loads(deployment["normalizedLiveState"])
    assert states["ConfigMap"]["normalizedLiveState"] == states["ConfigMap"]["predictedLiveState"]


async def test_the_tree_leads_from_the_deployment_to_its_pods(lab: ShopLab):
    """Nodes carry their parents, health and what the UI shows of pods."""
    await lab.fail("bad-image-tag", "checkout")
    lab.step(6)
    nodes = (await lab.argocd("GET", "/shop-checkout/resource-tree")).json()["nodes"]
    by_uid = {node["uid"]: node for node in nodes}
    pods = [node for node in nodes if node["kind"] == "Pod"]
    assert len(pods) == 4
    for pod in pods:
        replica_set = by_uid[pod["parentRefs"][0]["uid"]]
        assert by_uid[replica_set["parentRefs"][0]["uid"]]["kind"] == "Deployment"
    broken = [pod for pod in pods if pod["health"]["status"] == "Degraded"]
    assert [{entry["name"]: entry["value"] for entry in pod["info"]}["Status Reason"] for pod in broken] == [
        "ImagePullBackOff"
    ]


async def test_health_follows_the_rollout(lab: ShopLab):
    """Progressing while it rolls, Degraded when it exceeds its deadline."""
    await lab.fail("bad-image-tag", "checkout")
    lab.step(5)
    assert (await lab.application("shop-checkout"))["status"]["health"]["status"] == "Progressing"
    lab.step(35)
    assert (await lab.application("shop-checkout"))["status"]["health"]["status"] == "Degraded"


async def test_git_tells_who_changed_what(lab: ShopLab):
    """Revisions have author, date and message; manifests can be had for each."""
    app = await lab.application("shop-checkout")
    old, new = (entry["revision"] for entry in app["status"]["history"])
    metadata = (await lab.argocd("GET", f"/shop-checkout/revisions/{new}/metadata")).json()
    assert metadata["message"] == "Update dependencies and base image (2.4.1)"
    assert metadata["author"].endswith("@shop.example>")
    for revision, image in ((old, "2.4.0"), (new, "2.4.1")):
        answer = (await lab.argocd("GET", "/shop-checkout/manifests", params={"revision": revision})).json()
        assert answer["revision"] == revision
        kinds = {json.loads(manifest)["kind"]: json.loads(manifest) for manifest in answer["manifests"]}
        assert kinds["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"].endswith(image)


async def test_applications_are_listed_by_selector_and_project(lab: ShopLab):
    """Untracked services have no application."""

    async def names(**params: str) -> list[str]:
        answer = await lab.argocd("GET", "", params=params)
        return [item["metadata"]["name"] for item in answer.json()["items"]]

    services = ("cart", "cart-store", "catalog", "checkout", "frontend", "inventory")
    assert await names() == [f"shop-{service}" for service in services]
    assert await names(selector="app.kubernetes.io/name=cart") == ["shop-cart"]
    assert await names(projects="other") == []


async def test_events_tell_of_operations(lab: ShopLab):
    """Who started an operation and how it ended; or what happened to one resource."""
    await lab.argocd("POST", "/shop-cart/sync", write=True, json={})
    lab.step(2)
    events = (await lab.argocd("GET", "/shop-cart/events")).json()["items"]
    assert {event["reason"] for event in events} == {"OperationStarted", "OperationCompleted"}
    await lab.restart("cart")
    own = (await lab.argocd("GET", "/shop-cart/events", params={"resourceName": "cart"})).json()["items"]
    assert {event["reason"] for event in own} == {"ScalingReplicaSet"}


async def test_tracked_objects_carry_the_marks_of_argo_cd(lab: ShopLab):
    """Label and annotation on what is tracked, neither on what is not."""
    metadata = (await lab.deployment("checkout"))["metadata"]
    assert metadata["labels"]["app.kubernetes.io/instance"] == "shop-checkout"
    tracking = metadata["annotations"]["argocd.argoproj.io/tracking-id"]
    assert tracking == "shop-checkout:apps/Deployment:shop/checkout"
    untracked = (await lab.kubernetes("GET", deployment_path("payment"))).json()["metadata"]
    assert "app.kubernetes.io/instance" not in untracked["labels"]
    assert "argocd.argoproj.io/tracking-id" not in untracked["annotations"]
