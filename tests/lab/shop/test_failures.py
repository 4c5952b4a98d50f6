import pytest

from tests.lab.shop.shop_lab import ShopLab


@pytest.mark.parametrize("failure", ["bad-release", "wrong-address"])
async def test_a_failing_release_is_seen_everywhere_and_only_going_back_heals(lab: ShopLab, failure: str):
    """Errors show in metrics, traces and logs; restart and more replicas do not help, the rollback does."""
    service = "checkout"
    await lab.fail(failure, service)
    lab.step(12)
    assert await lab.error_ratio(service) > 0.2
    found = await lab.search(f'{{ resource.service.name = "{service}" && status = error }}', spss=1)
    assert found
    assert found[0]["spanSet"]["matched"] >= 1
    pod = next(pod for pod in lab.shop.kubelet.pods() if pod.name.startswith(service))
    log = await lab.kubernetes("GET", f"/api/v1/namespaces/shop/pods/{pod.name}/log", params={"tailLines": "200"})
    assert '"level": "error"' in log.text
    await lab.restart(service)
    assert await lab.error_ratio(service) > 0.2
    await lab.scale(service, 5)
    assert await lab.error_ratio(service) > 0.2
    await lab.roll_back(f"shop-{service}")
    assert await lab.error_ratio(service) < 0.01


async def test_a_failing_release_shows_within_three_seconds_of_its_sync(lab: ShopLab):
    """The first bad pod serves, and fails, soon after the release."""
    await lab.fail("wrong-address", "checkout")
    lab.step(3)
    assert await lab.error_ratio("checkout", seconds=3) > 0


async def test_a_wrong_address_is_named_in_the_logs(lab: ShopLab):
    """The program says which host it cannot find, and the live object holds that address."""
    await lab.fail("wrong-address", "checkout")
    lab.step(15)
    pods = [pod for pod in lab.shop.kubelet.pods() if pod.name.startswith("checkout")]
    log = await lab.kubernetes("GET", f"/api/v1/namespaces/shop/pods/{pods[0].name}/log")
    assert "lookup payment-v2.shop-payment.svc.cluster.local" in log.text
    assert "no such host" in log.text
    container = (await lab.deployment("checkout"))["spec"]["template"]["spec"]["containers"][0]
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    assert env["PAYMENT_ADDR"] == "payment-v2.shop-payment.svc.cluster.local:8080"


async def test_a_slow_release_is_healed_by_going_back_only(lab: ShopLab):
    """CPU at the limit and latency up; more replicas bring the CPU down but not the latency."""
    await lab.fail("bad-release-slow", "catalog")
    lab.step(12)
    assert await lab.latency("catalog") > 0.5
    await lab.scale("catalog", 8)
    assert await lab.latency("catalog") > 0.5
    await lab.restart("catalog")
    assert await lab.latency("catalog") > 0.5
    await lab.roll_back("shop-catalog")
    lab.step(5)
    assert await lab.latency("catalog") <= 0.25


async def test_a_memory_leak_kills_its_containers_until_it_is_taken_back(lab: ShopLab):
    """OOMKilled with exit code 137, then CrashLoopBackOff; the previous log tells of the memory."""
    await lab.fail("memory-leak", "cart")
    lab.step(30)
    assert await lab.value("kube_pod_container_status_restarts_total", namespace="shop") >= 3
    pods = (await lab.kubernetes("GET", "/api/v1/namespaces/shop/pods")).json()["items"]
    statuses = [pod["status"]["containerStatuses"][0] for pod in pods if pod["metadata"]["name"].startswith("cart-")]
    killed = [status for status in statuses if status["restartCount"]]
    assert {status["lastState"]["terminated"]["reason"] for status in killed} == {"OOMKilled"}
    assert {status["lastState"]["terminated"]["exitCode"] for status in killed} == {137}
    events = (await lab.kubernetes("GET", "/api/v1/events")).json()["items"]
    assert {"OOMKilling", "BackOff"} <= {event["reason"] for event in events}
    await lab.roll_back("shop-cart")
    before = await lab.value("kube_pod_container_status_restarts_total", namespace="shop")
    lab.step(40)
    assert await lab.value("kube_pod_container_status_restarts_total", namespace="shop") == before
    assert await lab.error_ratio("cart") == 0


async def test_a_restart_buys_a_leaking_service_twenty_seconds(lab: ShopLab):
    """Fresh pods of the leaking release live for about 20 s, then die again."""
    await lab.fail("memory-leak", "cart")
    lab.step(40)
    await lab.restart("cart")
    restarts = await lab.value("kube_pod_container_status_restarts_total", container="cart")
    lab.step(4)
    assert await lab.value("kube_pod_container_status_restarts_total", container="cart") == restarts == 0
    lab.step(16)
    assert await lab.value("kube_pod_container_status_restarts_total", container="cart") > 0


async def test_more_replicas_heal_a_surge_and_a_restart_does_not(lab: ShopLab):
    """Three times the load saturates the CPU limits; the same load over more pods does not."""
    await lab.fail("cpu-saturation", "catalog")
    lab.step(8)
    assert await lab.latency("catalog") > 0.5
    assert await lab.error_ratio("catalog") > 0.05
    await lab.restart("catalog")
    assert await lab.latency("catalog") > 0.5
    await lab.scale("catalog", 5)
    lab.step(6)
    assert await lab.latency("catalog") <= 0.25
    assert await lab.error_ratio("catalog") < 0.01


async def test_stuck_saturation_looks_like_a_surge_but_no_act_helps(lab: ShopLab):
    """CPU at the limit and latency up, whatever is scaled, restarted or rolled back; it ends when switched off."""
    await lab.fail("stuck-saturation", "inventory")
    lab.step(5)
    used = await lab.value("container_cpu_usage_seconds_total", container="inventory")
    lab.step(10)
    used = await lab.value("container_cpu_usage_seconds_total", container="inventory") - used
    assert used / 10 > 0.9 * 3 * 0.5
    await lab.scale("inventory", 6)
    assert await lab.latency("inventory") > 0.5
    await lab.restart("inventory")
    assert await lab.latency("inventory") > 0.5
    await lab.roll_back("shop-inventory")
    assert await lab.latency("inventory") > 0.5
    assert await lab.search('{ name = "acquire lock inventory:hot-key" && duration > 500ms }')
    await lab.heal()
    lab.step(5)
    assert await lab.latency("inventory") <= 0.1


async def test_a_slow_dependency_shows_its_victims_and_its_place(lab: ShopLab):
    """The victims are slow as well, but the time goes by in inventory's call to its database."""
    await lab.fail("slow-dependency", "inventory")
    lab.step(5)
    assert await lab.latency("catalog") > 0.5
    assert await lab.latency("frontend") > 0.5
    query = (
        '{ resource.service.name = "inventory" && kind = client && span.db.system = "postgresql" && duration > 800ms }'
    )
    assert await lab.search(query)
    await lab.restart("inventory")
    await lab.scale("inventory", 6)
    assert await lab.latency("inventory") > 0.5
    await lab.heal()
    lab.step(5)
    assert await lab.latency("frontend") <= 0.25


async def test_an_image_that_does_not_exist_leaves_the_old_pods_serving(lab: ShopLab):
    """ImagePullBackOff as the kubelet tells it, an unavailable replica, no errors; undo heals."""
    await lab.fail("bad-image-tag", "payment")
    lab.step(10)
    assert await lab.error_ratio("payment") == 0
    assert await lab.value("kube_pod_container_status_waiting_reason", reason="ImagePullBackOff") == 1
    assert await lab.value("kube_deployment_status_replicas_available", deployment="payment") == 1
    lab.step(35)
    conditions = {c["type"]: c for c in (await lab.deployment("payment"))["status"]["conditions"]}
    assert conditions["Progressing"]["reason"] == "ProgressDeadlineExceeded"
    await lab.undo("payment")
    assert await lab.value("kube_deployment_status_replicas_available", deployment="payment") == 2
    assert await lab.value("kube_pod_container_status_waiting_reason") == 0


UNUSUAL = {
    "bad-release": "cart-store",
    "bad-release-slow": "recommendation",
    "memory-leak": "cart-store",
    "cpu-saturation": "frontend",
    "stuck-saturation": "cart-store",
    "slow-dependency": "recommendation",
    "wrong-address": "payment",
    "bad-image-tag": "frontend",
}


@pytest.mark.parametrize(("failure", "service"), UNUSUAL.items())
async def test_every_failure_hits_any_service_and_ends_when_switched_off(lab: ShopLab, failure: str, service: str):
    """Tracked, untracked and stateful services suffer, and are healthy again after DELETE /failures."""
    await lab.fail(failure, service)
    lab.step(15)
    await lab.heal()
    lab.step(25)
    assert await lab.error_ratio("frontend") < 0.01
    assert await lab.latency("frontend") <= 0.25
    state = (await lab.client.get(f"{lab.at.control}/state")).json()
    assert {each["failure"] for each in state["services"]} == {None}
    assert all(each["ready"] == each["replicas"] for each in state["services"])
    assert all(each["running_images"] == [each["image"]] for each in state["services"])


async def test_releases_of_untracked_services_are_undone_with_kubectl(lab: ShopLab):
    """Where Argo CD has no say, the ReplicaSet before is the way back."""
    await lab.fail("bad-release", "recommendation")
    lab.step(12)
    assert await lab.error_ratio("recommendation") > 0.2
    await lab.undo("recommendation")
    assert await lab.error_ratio("recommendation") < 0.01


async def test_a_failure_is_refused_by_name_and_by_service(lab: ShopLab):
    """Unknown names are 404, a service that already suffers is 409."""
    post = lab.client.post
    assert (await post(f"{lab.at.control}/failures/earthquake")).status_code == 404
    assert (await post(f"{lab.at.control}/failures/bad-release", json={"service": "tax"})).status_code == 404
    assert (await post(f"{lab.at.control}/failures/bad-release")).status_code == 201
    assert (await post(f"{lab.at.control}/failures/memory-leak", json={"service": "checkout"})).status_code == 409
