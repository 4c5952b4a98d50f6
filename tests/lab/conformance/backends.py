"""The two back ends that the product's adapters meet: the shop's in-memory APIs, and the real servers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from domain.objects import WorkloadRef
from lab.cluster.access import bearer_of, server_of
from tools.artifacts import MemoryArtifacts
from tools.documents import JsonObject
from tools.http import HttpPolicy, Upstream
from tools.kubernetes.connect import connect
from tools.kubernetes.models import WorkloadState
from tools.kubernetes.preview import KubernetesPreview
from tools.kubernetes.read import KubernetesReader
from tools.kubernetes.write import KubernetesWriter

T = TypeVar("T")
IMAGE = "registry.shop.example/shop/payment:{}"
OLD, NEW = IMAGE.format("1.9.3"), IMAGE.format("1.9.4")
PATIENCE = 40.0
POLICY = HttpPolicy(timeout=10, retries=0)


async def until(read: Callable[[], Awaitable[T]], wanted: Callable[[T], bool]) -> T:
    """What `read` gives once it is as `wanted`; fails with the last of it after a while."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        seen = await read()
        if wanted(seen):
            return seen
        if asyncio.get_running_loop().time() > deadline:
            pytest.fail(f"after {PATIENCE:g} s still {seen}")
        await asyncio.sleep(0.1)


@dataclass
class Cluster:
    """One Kubernetes API with three identities: the product's two, and an operator's."""

    name: str
    kubeconfig: Path
    reads: str
    writes: str
    operator: tuple[Path, str]
    namespace: str
    made: int = field(default=0)

    def client(self, context: str) -> Upstream:
        """The API as an identity of the product."""
        return connect(self.kubeconfig, context, artifacts=MemoryArtifacts(), policy=POLICY)

    @asynccontextmanager
    async def hand(self) -> AsyncGenerator[httpx.AsyncClient]:
        """The operator's own client, which keeps no rules."""
        file, context = self.operator
        server, trusted = server_of(file)
        headers = bearer_of(file, context)
        async with httpx.AsyncClient(base_url=server, headers=headers, verify=trusted, trust_env=False) as hand:
            yield hand


@dataclass
class Bench:
    """The adapters over one back end, and one Deployment that a case has to itself."""

    cluster: Cluster
    reader: KubernetesReader
    reading: Upstream
    writing: Upstream
    hand: httpx.AsyncClient
    ref: WorkloadRef

    @property
    def writer(self) -> KubernetesWriter:
        """The write adapter, as the write identity."""
        return KubernetesWriter(self.writing)

    @property
    def preview(self) -> KubernetesPreview:
        """The dry-run adapter, as the write identity."""
        return KubernetesPreview(self.writing)

    @property
    def path(self) -> str:
        """Of the case's Deployment."""
        return f"/apis/apps/v1/namespaces/{self.ref.namespace}/deployments/{self.ref.name}"

    async def create(self, **changes: object) -> WorkloadState:
        """Make the Deployment, and wait until it is rolled out."""
        body = manifest(self.ref, **changes)
        answer = await self.hand.post(self.path.rpartition("/")[0], json=body)
        assert answer.status_code == 201, answer.text
        return await self.settled()

    async def delete(self) -> None:
        """Delete the Deployment, whatever it owns later."""
        (await self.hand.delete(self.path)).raise_for_status()

    async def change(self, patch: JsonObject) -> WorkloadState:
        """Somebody else patches the Deployment; wait until that is rolled out."""
        headers = {"content-type": "application/strategic-merge-patch+json"}
        answer = await self.hand.patch(self.path, json=patch, headers=headers)
        assert answer.status_code == 200, answer.text
        return await self.settled()

    async def state(self) -> WorkloadState:
        """The workload now, by the adapter."""
        return (await self.reader.workload(self.ref)).value

    async def settled(self) -> WorkloadState:
        """The workload once its rollout is complete."""
        return await until(self.state, lambda state: state.rolled_out)


def with_image(image: str) -> JsonObject:
    """A patch that releases another image."""
    return {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}}


def manifest(ref: WorkloadRef, *, replicas: int = 2, image: str = OLD) -> JsonObject:
    """A Deployment of one container."""
    labels: JsonObject = {"app.kubernetes.io/name": ref.name}
    container: JsonObject = {"name": "web", "image": image}
    template: JsonObject = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec: JsonObject = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    metadata: JsonObject = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


@asynccontextmanager
async def bench(cluster: Cluster) -> AsyncGenerator[Bench]:
    """Adapters over one back end, with a name that no other case uses; what was made is deleted."""
    cluster.made += 1
    ref = WorkloadRef(namespace=cluster.namespace, name=f"conform-{cluster.made}")
    async with (
        cluster.client(cluster.reads) as reading,
        cluster.client(cluster.writes) as writing,
        cluster.hand() as hand,
    ):
        made = Bench(cluster, KubernetesReader(reading), reading, writing, hand, ref)
        yield made
        await hand.delete(made.path)
