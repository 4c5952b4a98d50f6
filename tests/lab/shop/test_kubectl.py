import asyncio
import os
import shutil

import pytest

from tests.lab.shop.shop_lab import ShopLab

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")


async def kubectl(lab: ShopLab, *arguments: str, context: str = "shop-write") -> tuple[int, str]:
    """Run kubectl while the shop's clock goes on; its exit code and output."""
    environment = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": lab.at.kubeconfig,
        "HOME": str(lab.at.kubeconfig) + ".home",
    }
    process = await asyncio.create_subprocess_exec(
        "kubectl",
        f"--context={context}",
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    answering = asyncio.create_task(process.communicate())
    while not answering.done():
        lab.step(0.25)
        await asyncio.wait([answering], timeout=0.02)
    output, _ = await answering
    return process.returncode or 0, output.decode()


async def test_kubectl_works_the_shop(lab: ShopLab):
    """get, scale, rollout restart, status, history and undo do what an operator expects."""
    for arguments, expected in (
        (("get", "deploy", "-o", "name"), "deployment.apps/checkout"),
        (("scale", "deploy/checkout", "--current-replicas=3", "--replicas=4"), "deployment.apps/checkout scaled"),
        (("rollout", "status", "deploy/checkout", "--timeout=60s"), "successfully rolled out"),
        (("rollout", "restart", "deploy/payment"), "deployment.apps/payment restarted"),
        (("rollout", "status", "deploy/payment", "--timeout=60s"), "successfully rolled out"),
        (("rollout", "history", "deploy/payment"), "Update dependencies and base image (1.9.4)"),
        (("rollout", "undo", "deploy/payment", "--to-revision=1"), "deployment.apps/payment rolled back"),
        (("get", "deploy/payment", "-o", "jsonpath={..image}"), "registry.shop.example/shop/payment:1.9.3"),
        (("logs", "deploy/checkout", "--tail=1"), "trace_id"),
        (("describe", "deploy/checkout"), "Scaled up replica set"),
    ):
        code, output = await kubectl(lab, *arguments)
        assert code == 0, output
        assert expected in output


async def test_kubectl_as_the_reader_is_forbidden_to_write(lab: ShopLab):
    """The current context reads only."""
    code, output = await kubectl(lab, "scale", "deploy/checkout", "--replicas=4", context="shop-read")
    assert code == 1
    assert 'User "shop-read" cannot patch resource "deployments/scale"' in output
