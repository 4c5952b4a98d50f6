"""What others do to a workload between its review and the approved change, and a place in time to do it at."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from lab.proof.identities import Identities
from lab.site.kubectl import Kubectl
from tests.lab.conformance.backends import until
from tests.lab.real import deployment

GOOD, BROKEN = "registry.shop.example/shop/web:1", "registry.shop.example/shop/web:missing-2"
NAME = "web"
Moment = Literal["shown", "approved", "read"]
"""After the plan was shown and before it is approved; after the approval and before live state is read again; after it
was read again and before the change is sent."""


@dataclass(frozen=True)
class Hands:
    """Those who change clusters: an operator with kubectl, and whoever grants rights."""

    kubectl: Kubectl
    identities: Identities

    async def run(self, *arguments: str) -> str:
        """kubectl, beside everything else that goes on."""
        return await asyncio.to_thread(self.kubectl.run, *arguments)

    async def broken_release(self, namespace: str) -> None:
        """A Deployment whose second revision names an image that was never pushed; waits until that is to be seen."""
        await asyncio.to_thread(self.kubectl.apply, [deployment(NAME, namespace, image=GOOD, replicas=2)])
        await self.run("rollout", "status", f"deployment/{NAME}", f"--namespace={namespace}", "--timeout=60s")
        await self.run("set", "image", f"deployment/{NAME}", f"{NAME}={BROKEN}", f"--namespace={namespace}")
        await until(lambda: self.waiting(namespace), lambda reasons: "ImagePullBackOff" in reasons)

    async def waiting(self, namespace: str) -> str:
        """What the namespace's containers wait for."""
        path = "jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}"
        return await self.run("get", "pods", f"--namespace={namespace}", f"--output={path}")

    async def generation(self, namespace: str) -> int:
        """The Deployment's generation."""
        path = "--output=jsonpath={.metadata.generation}"
        return int(await self.run("get", "deployment", NAME, f"--namespace={namespace}", path))


async def _another_image(hands: Hands, namespace: str) -> None:
    await hands.run("set", "image", f"deployment/{NAME}", f"{NAME}={BROKEN}-again", f"--namespace={namespace}")


async def _another_setting(hands: Hands, namespace: str) -> None:
    await hands.run("set", "env", f"deployment/{NAME}", "LEVEL=debug", f"--namespace={namespace}")


async def _other_resources(hands: Hands, namespace: str) -> None:
    limits = "--limits=cpu=500m,memory=256Mi"
    await hands.run("set", "resources", f"deployment/{NAME}", limits, f"--namespace={namespace}")


async def _deleted_and_made_again(hands: Hands, namespace: str) -> None:
    await hands.run("delete", "deployment", NAME, f"--namespace={namespace}")
    await hands.broken_release(namespace)


async def _scaled_by_hand(hands: Hands, namespace: str) -> None:
    await hands.run("scale", f"deployment/{NAME}", "--replicas=3", f"--namespace={namespace}")


async def _scaled_by_an_autoscaler(hands: Hands, namespace: str) -> None:
    before = await hands.generation(namespace)
    limits = ("--min=3", "--max=5", "--cpu-percent=80")
    await hands.run("autoscale", "deployment", NAME, *limits, f"--namespace={namespace}")
    await until(lambda: hands.generation(namespace), lambda generation: generation > before)


async def _right_withdrawn(hands: Hands, namespace: str) -> None:
    await asyncio.to_thread(hands.identities.withdraw, namespace)


Change = Callable[[Hands, str], Awaitable[None]]


@dataclass(frozen=True)
class Drift:
    """One way in which the world moves on. `asks_again`: a person can still be asked for a plan afterwards."""

    kind: str
    change: Change
    moment: Moment
    asks_again: bool = True


KINDS: dict[str, tuple[Change, ...]] = {
    "spec": (_another_image, _another_setting, _other_resources),
    "deleted and made again": (_deleted_and_made_again,),
    "scaled": (_scaled_by_hand, _scaled_by_an_autoscaler),
    "right withdrawn": (_right_withdrawn,),
}
MOMENTS: tuple[Moment, ...] = ("shown", "approved", "read")


def drifts(number: int) -> list[Drift]:
    """So many drifts, in which every kind meets every moment before one comes again."""
    pairs = [(kind, moment) for moment in MOMENTS for kind in KINDS]
    made: list[Drift] = []
    for index in range(number):
        kind, moment = pairs[index % len(pairs)]
        changes = KINDS[kind]
        change = changes[(index // len(pairs) + MOMENTS.index(moment)) % len(changes)]
        made.append(Drift(kind, change, moment, asks_again=kind != "right withdrawn"))
    return made
