import pytest
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment

from tests.lab.shop.shop_lab import ShopLab, deployment_path

CHECKOUT = deployment_path("checkout")
IMAGE = "registry.shop.example/shop/checkout:2.4.0"


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("strategic-merge-patch", {"spec": {"replicas": 4}}),
        ("merge-patch", {"spec": {"replicas": 4}}),
        ("json-patch", [{"op": "replace", "path": "/spec/replicas", "value": 4}]),
    ],
)
async def test_every_patch_type_changes_the_object(lab: ShopLab, kind: str, patch: object):
    """Generation and resourceVersion go up once; the controller then observes the generation."""
    before = await lab.deployment("checkout")
    after = (await lab.patch(CHECKOUT, patch, kind)).raise_for_status().json()
    assert after["spec"]["replicas"] == 4
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])
    assert after["status"] == before["status"]
    lab.step(5)
    settled = await lab.deployment("checkout")
    assert settled["status"]["observedGeneration"] == settled["metadata"]["generation"]
    assert settled["status"]["availableReplicas"] == 4


async def test_a_strategic_merge_patch_joins_containers_by_name(lab: ShopLab):
    """Only the named container's image changes; its environment and probes stay."""
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "checkout", "image": IMAGE}]}}}}
    (container,) = (await lab.patch(CHECKOUT, patch)).json()["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    assert {"CART_ADDR", "PAYMENT_ADDR"} <= {entry["name"] for entry in container["env"]}
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"


async def test_a_dry_run_shows_the_outcome_and_changes_nothing(lab: ShopLab):
    """`dryRun=All` on patch, put, scale and delete answers as if, and leaves version and pods alone."""
    before = await lab.deployment("checkout")
    version = lab.shop.store.version
    patched = await lab.patch(CHECKOUT, {"spec": {"replicas": 9}}, dryRun="All")
    assert patched.json()["spec"]["replicas"] == 9
    scaled = await lab.patch(f"{CHECKOUT}/scale", {"spec": {"replicas": 9}}, "merge-patch", dryRun="All")
    assert scaled.json()["spec"]["replicas"] == 9
    body = {**before, "spec": {**before["spec"], "replicas": 9}}
    put = await lab.kubernetes("PUT", CHECKOUT, json=body, params={"dryRun": "All"})
    assert put.json()["spec"]["replicas"] == 9
    deleted = await lab.kubernetes("DELETE", CHECKOUT, json={"dryRun": ["All"]})
    assert deleted.json()["status"] == "Success"
    assert lab.shop.store.version == version
    assert await lab.deployment("checkout") == before
    assert [write["dry_run"] for write in await lab.writes()] == [True] * 4
    assert not any(write["changed"] for write in await lab.writes())


async def test_a_dry_run_still_refuses_what_is_invalid(lab: ShopLab):
    """A dry run validates: that is what it is for."""
    answer = await lab.patch(CHECKOUT, {"spec": {"replicas": -1}}, dryRun="All")
    assert answer.status_code == 422


@pytest.mark.parametrize("kind", ["strategic-merge-patch", "merge-patch"])
async def test_a_stale_resource_version_is_a_conflict(lab: ShopLab, kind: str):
    """`metadata.resourceVersion` in the body is a precondition."""
    before = await lab.deployment("checkout")
    (await lab.patch(CHECKOUT, {"metadata": {"annotations": {"touched": "yes"}}})).raise_for_status()
    stale = {"metadata": {"resourceVersion": before["metadata"]["resourceVersion"]}, "spec": {"replicas": 5}}
    answer = await lab.patch(CHECKOUT, stale, kind)
    assert answer.status_code == 409
    assert answer.json()["reason"] == "Conflict"
    assert "the object has been modified; please apply your changes to the latest version" in answer.json()["message"]
    assert (await lab.deployment("checkout"))["spec"]["replicas"] == 3


async def test_a_foreign_uid_is_refused(lab: ShopLab):
    """`metadata.uid` in the body must be the object's: a patch is invalid, a put or delete is a conflict."""
    other = "00000000-0000-4000-8000-000000000000"
    answer = await lab.patch(CHECKOUT, {"metadata": {"uid": other}, "spec": {"replicas": 5}})
    assert answer.status_code == 422
    assert f'metadata.uid: Invalid value: "{other}": field is immutable' in answer.json()["message"]
    before = await lab.deployment("checkout")
    body = {**before, "metadata": {**before["metadata"], "uid": other}}
    answer = await lab.kubernetes("PUT", CHECKOUT, json=body)
    assert answer.status_code == 409
    assert f"UID in precondition: {other}" in answer.json()["message"]
    answer = await lab.kubernetes("DELETE", CHECKOUT, json={"preconditions": {"uid": other}})
    assert answer.status_code == 409


async def test_scale_is_read_and_written_by_a_typed_client(lab: ShopLab):
    """The scale subresource takes lightkube's replace, with its precondition."""
    async with lab.lightkube("shop-write") as client:
        scale = await client.get(Deployment.Scale, "checkout", namespace="shop")
        assert (scale.spec.replicas, scale.status.selector) == (3, "app.kubernetes.io/name=checkout")
        wanted = Deployment.Scale(
            metadata=ObjectMeta(name="checkout", namespace="shop", resourceVersion=scale.metadata.resourceVersion),
            spec=ScaleSpec(replicas=2),
        )
        assert (await client.replace(wanted)).spec.replicas == 2
        lab.step(4)
        assert (await client.get(Deployment, "checkout", namespace="shop")).status.replicas == 2


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"spec": {"replicas": -1}}, "spec.replicas"),
        ({"spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": "other"}}}}, "spec.template.metadata.labels"),
        ({"spec": {"template": {"spec": {"containers": None}}}}, "spec.template.spec.containers"),
        (
            {
                "spec": {
                    "template": {
                        "spec": {"containers": [{"name": "checkout", "resources": {"limits": {"cpu": "lots"}}}]}
                    }
                }
            },
            "spec.template.spec.containers[0].resources.limits.cpu",
        ),
    ],
)
async def test_what_is_invalid_is_refused_with_its_field(lab: ShopLab, patch: object, field: str):
    """422 names kind, object and field, as the API server does."""
    answer = await lab.patch(CHECKOUT, patch)
    body = answer.json()
    assert (answer.status_code, body["reason"]) == (422, "Invalid")
    assert body["message"].startswith('Deployment.apps "checkout" is invalid: ')
    assert body["details"]["causes"][0]["field"] == field


async def test_the_reader_may_not_write(lab: ShopLab):
    """403 names user, verb, resource and namespace; nothing changes, and the log has it."""
    version = lab.shop.store.version
    answer = await lab.kubernetes("DELETE", CHECKOUT, "shop-read")
    assert answer.status_code == 403
    assert answer.json()["message"] == (
        'deployments.apps "checkout" is forbidden: User "shop-read" cannot delete resource "deployments" '
        'in API group "apps" in the namespace "shop"'
    )
    assert lab.shop.store.version == version
    (write,) = await lab.writes()
    assert (write["user"], write["verb"], write["status"], write["changed"]) == ("shop-read", "delete", 403, False)


async def test_the_write_log_has_time_zone_path_and_effect(lab: ShopLab):
    """Each mutating request is one entry, in order, with what came of it; reads are none."""
    await lab.kubernetes("GET", CHECKOUT)
    await lab.patch(CHECKOUT, {"spec": {"replicas": 4}})
    await lab.patch(CHECKOUT, {"spec": {"replicas": 4}})
    await lab.argocd("POST", "/shop-cart/sync", write=True, json={})
    changed, repeated, synced = await lab.writes()
    assert changed == {
        "time": "2026-03-14T09:26:58Z",
        "api": "kubernetes",
        "user": "shop-write",
        "verb": "patch",
        "path": CHECKOUT,
        "dry_run": False,
        "status": 200,
        "changed": True,
    }
    assert repeated["changed"] is False
    assert (synced["api"], synced["verb"], synced["path"]) == ("argocd", "sync", "/api/v1/applications/shop-cart/sync")


async def test_who_may_what_is_answered(lab: ShopLab):
    """`SelfSubjectAccessReview` tells the two users apart."""
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    body = {"spec": {"resourceAttributes": {"verb": "patch", "resource": "deployments", "namespace": "shop"}}}
    for user, allowed in (("shop-read", False), ("shop-write", True)):
        answer = await lab.kubernetes("POST", path, user, json=body)
        assert answer.json()["status"] == {"allowed": allowed}
    assert await lab.writes() == []


async def test_unknown_media_types_and_verbs_are_refused(lab: ShopLab):
    """415 for a patch type that is none, 405 for a resource that cannot be written."""
    headers = {"content-type": "text/plain"}
    assert (await lab.kubernetes("PATCH", CHECKOUT, content="x", headers=headers)).status_code == 415
    assert (await lab.kubernetes("DELETE", "/api/v1/nodes/node-1")).status_code == 405
    assert (await lab.patch(CHECKOUT, {}, dryRun="Some")).status_code == 400
