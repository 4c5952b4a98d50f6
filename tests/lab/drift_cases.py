"""What others do to a workload between its review and the approved change, and a place in time to do it at."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.cluster.argocd import application
from lab.cluster.identities import Identities
from lab.cluster.kubectl import Kubectl
from lab.site.argo import Application, Argo
from lab.site.repositories import Repository
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

    async def broken_release(self, namespace: str, **spec: object) -> None:
        """A Deployment whose second revision names an image that was never pushed; waits until that is to be seen."""
        await asyncio.to_thread(self.kubectl.apply, [deployment(NAME, namespace, image=GOOD, replicas=2, **spec)])
        await self.run("rollout", "status", f"deployment/{NAME}", f"--namespace={namespace}", "--timeout=60s")
        await self.run("set", "image", f"deployment/{NAME}", f"{NAME}={BROKEN}", f"--namespace={namespace}")
        await self.broken(namespace)

    async def broken(self, namespace: str) -> None:
        """Return when the missing image is to be seen."""
        await until(lambda: self.waiting(namespace), lambda reasons: "ImagePullBackOff" in reasons)

    async def waiting(self, namespace: str) -> str:
        """What the namespace's containers wait for."""
        path = "jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}"
        return await self.run("get", "pods", f"--namespace={namespace}", f"--output={path}")

    async def generation(self, namespace: str) -> int:
        """The Deployment's generation."""
        path = "--output=jsonpath={.metadata.generation}"
        return int(await self.run("get", "deployment", NAME, f"--namespace={namespace}", path))


@dataclass(frozen=True)
class Releasers(Hands):
    """They, and whoever releases by Argo CD: each namespace has a repository and an Application of its name."""

    argo: Argo
    repositories: Path

    async def broken_delivery(self, namespace: str) -> None:
        """The same from Git, by an Application that people sync."""
        repository = await asyncio.to_thread(Repository, self.repositories / namespace)
        first = await asyncio.to_thread(_commit, repository, namespace, GOOD)
        await asyncio.to_thread(self.kubectl.apply, [application(namespace, repository.url, namespace)])
        await self.deliver(namespace, first)
        await until(lambda: self.application(namespace), lambda delivered: delivered.runs(first))
        await self.deliver(namespace, await asyncio.to_thread(_commit, repository, namespace, BROKEN))
        await self.broken(namespace)

    async def deliver(self, namespace: str, revision: str) -> None:
        """Sync what was committed; returns when it is deployed."""
        await until(lambda: self.application(namespace), lambda found: found.operation is None)
        await asyncio.to_thread(self.argo.sync, namespace)
        await until(lambda: self.application(namespace), lambda found: found.deployed == revision)

    async def application(self, namespace: str) -> Application:
        """The namespace's Application."""
        return await asyncio.to_thread(self.argo.application, namespace)

    async def clear(self, namespace: str) -> None:
        """Delete what a case has made, as far as it does not go by itself."""
        await self.run("delete", "application", namespace, "--namespace=argocd", "--ignore-not-found", "--wait=false")
        await self.run("delete", "namespace", namespace, "--wait=false")


def _commit(repository: Repository, namespace: str, image: str) -> str:
    return repository.commit([deployment(NAME, namespace, image=image, replicas=2)], image)


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


async def _synced(hands: Releasers, namespace: str) -> None:
    repository = Repository(hands.repositories / namespace)
    await hands.deliver(namespace, await asyncio.to_thread(_commit, repository, namespace, f"{BROKEN}-again"))


async def _right_withdrawn(hands: Hands, namespace: str) -> None:
    await asyncio.to_thread(hands.identities.withdraw, namespace)


Change = Callable[[Releasers, str], Awaitable[None]]


@dataclass(frozen=True)
class Drift:
    """One way in which the world moves on."""

    kind: str
    change: Change
    moment: Moment

    @property
    def asks_again(self) -> bool:
        """Whether a person can still be asked for a plan afterwards."""
        return self.kind != WITHDRAWN

    @property
    def delivered(self) -> bool:
        """Whether it is about an application of Argo CD."""
        return self.kind == SYNCED


SYNCED, WITHDRAWN = "synced by Argo CD", "right withdrawn"
KINDS: dict[str, tuple[Change, ...]] = {
    "spec": (_another_image, _another_setting, _other_resources),
    "deleted and made again": (_deleted_and_made_again,),
    "scaled": (_scaled_by_hand, _scaled_by_an_autoscaler),
    SYNCED: (_synced,),
    WITHDRAWN: (_right_withdrawn,),
}
MOMENTS: tuple[Moment, ...] = ("shown", "approved", "read")


def drifts(number: int) -> list[Drift]:
    """So many drifts, in which every kind meets every moment before one comes again."""
    pairs = [(kind, moment) for moment in MOMENTS for kind in KINDS if (kind, moment) != (SYNCED, "read")]
    made: list[Drift] = []
    for index in range(number):
        kind, moment = pairs[index % len(pairs)]
        changes = KINDS[kind]
        change = changes[(index // len(pairs) + MOMENTS.index(moment)) % len(changes)]
        made.append(Drift(kind, change, moment))
    return made
