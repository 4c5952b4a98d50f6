import time

from lab.shop.shop import Shop
from tests.lab.shop.shop_lab import START, ShopLab


async def test_failures_are_listed_with_a_sentence(lab: ShopLab):
    """Names, what happens and what heals."""
    found = (await lab.client.get(f"{lab.at.control}/failures")).json()
    assert [each["name"] for each in found] == [
        "bad-release",
        "bad-release-slow",
        "memory-leak",
        "cpu-saturation",
        "stuck-saturation",
        "slow-dependency",
        "wrong-address",
        "bad-image-tag",
    ]
    assert all(each["sentence"].endswith(".") for each in found)


async def test_switching_off_one_failure_leaves_the_others(lab: ShopLab):
    """DELETE by name ends that failure only, and says what it ended."""
    await lab.fail("cpu-saturation", "catalog")
    await lab.fail("bad-release", "payment")
    ended = (await lab.client.delete(f"{lab.at.control}/failures/cpu-saturation")).json()
    assert [(each["name"], each["service"]) for each in ended] == [("cpu-saturation", "catalog")]
    state = (await lab.client.get(f"{lab.at.control}/state")).json()
    assert {each["name"]: each["failure"] for each in state["services"] if each["failure"]} == {
        "payment": "bad-release"
    }


async def test_switching_off_after_a_rollback_puts_git_right(lab: ShopLab):
    """A reviewer went back already: HEAD is reverted and the application in sync again."""
    await lab.fail("bad-release", "checkout")
    lab.step(12)
    await lab.roll_back("shop-checkout")
    assert (await lab.application("shop-checkout"))["status"]["sync"]["status"] == "OutOfSync"
    await lab.heal()
    lab.step(12)
    app = await lab.application("shop-checkout")
    assert (app["status"]["sync"]["status"], app["status"]["health"]["status"]) == ("Synced", "Healthy")
    path = f"/shop-checkout/revisions/{app['status']['sync']['revision']}/metadata"
    assert (await lab.argocd("GET", path)).json()["message"].startswith('Revert "')


async def test_a_failure_that_comes_again_comes_with_a_new_version(lab: ShopLab):
    """A tag is released once: the second bad release is another image and another commit."""
    images: list[str] = []
    for _ in range(2):
        await lab.fail("bad-release", "checkout")
        lab.step(12)
        images += (await lab.application("shop-checkout"))["status"]["summary"]["images"]
        await lab.heal()
        lab.step(12)
    assert [image.rpartition(":")[2] for image in images] == ["2.5.0", "2.6.0"]


async def test_a_release_can_be_made_to_order(lab: ShopLab):
    """POST /releases pushes an image that behaves as told, commits and syncs it."""
    body = {"service": "cart", "tag": "2.9.0", "error_ratio": 1.0, "error": "cart is out of order"}
    made = (await lab.client.post(f"{lab.at.control}/releases", json=body)).json()
    assert made["image"] == "registry.shop.example/shop/cart:2.9.0"
    lab.step(12)
    assert await lab.error_ratio("cart") == 1
    assert (await lab.application("shop-cart"))["status"]["sync"]["revision"] == made["revision"]
    assert (await lab.client.post(f"{lab.at.control}/releases", json={"service": "tax"})).status_code == 404


async def test_pages_are_kept(lab: ShopLab):
    """The control API stands for a pager's webhook."""
    body = {"summary": "checkout fails", "severity": "critical"}
    assert (await lab.client.post(f"{lab.at.control}/pages", json=body)).status_code == 202
    pages = (await lab.client.get(f"{lab.at.control}/pages")).json()
    assert [page["body"] for page in pages] == [body]


def test_the_same_seed_gives_the_same_life():
    """Names, traffic, failures: two shops of one seed agree, one of another differs."""

    def life(seed: int) -> tuple[object, ...]:
        shop = Shop(seed, START)
        shop.step(20)
        trace = next(shop.traces.newest())
        pods = tuple(pod.name for pod in shop.kubelet.pods())
        return pods, dict(shop.metrics.requests), trace.trace_id, trace.duration

    assert life(3) == life(3)
    assert life(3) != life(4)


def test_the_shop_stays_cheap():
    """Two minutes of shop cost well under a tenth of the time, and what it keeps is bounded."""
    shop = Shop(1, START)
    began = time.process_time()
    shop.step(120)
    assert time.process_time() - began < 12
    assert all(len(process.log) <= 600 for process in shop.kubelet.processes())
