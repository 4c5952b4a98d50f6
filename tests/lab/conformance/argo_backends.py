"""Argo CD in memory and in earnest, with an application that was deployed twice from Git, for each case its own."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from domain.actions import RollbackApplication, SyncApplication
from domain.objects import WorkloadRef
from lab.cluster import Cluster
from lab.cluster.argocd import application
from lab.cluster.kubectl import Kubectl
from lab.demo.stack import Shop
from lab.site.repositories import Repository
from tests.lab.conformance.backends import NEW, OLD, POLICY, manifest, until
from tools.argocd.models import ApplicationState
from tools.argocd.preview import ArgoPreview
from tools.argocd.read import ArgoReader
from tools.argocd.write import ArgoWriter
from tools.artifacts import MemoryArtifacts
from tools.http import Upstream

APPLICATIONS = "/api/v1/applications"
NAMESPACE = "conformance-argocd"
Made = tuple[str, str]
"""An application, and the Deployment it delivers."""


@dataclass
class ArgoCd:
    """One Argo CD: two tokens of the product, one of whoever runs it, and where applications come from."""

    name: str
    url: str
    reads: str
    writes: str
    runs: str
    make: Callable[[int], Awaitable[Made]]
    kubectl: Kubectl
    namespace: str
    made: int = field(default=0)

    def client(self, token: str) -> Upstream:
        """Its API with a token."""
        return Upstream("argocd", self.url, token=token, artifacts=MemoryArtifacts(), policy=POLICY)


@dataclass
class ArgoBench:
    """The adapters over one Argo CD, and an application that a case has to itself."""

    argocd: ArgoCd
    application: str
    workload: str
    reader: ArgoReader
    reading: Upstream
    writing: Upstream
    running: httpx.AsyncClient

    @property
    def writer(self) -> ArgoWriter:
        """The write adapter, with the write token."""
        return ArgoWriter(self.writing)

    @property
    def preview(self) -> ArgoPreview:
        """What an action would do."""
        return ArgoPreview(self.reader, self.writing)

    @property
    def path(self) -> str:
        """Of the application."""
        return f"{APPLICATIONS}/{self.application}"

    async def state(self) -> ApplicationState:
        """The application now."""
        return (await self.reader.application(self.application)).value

    async def idle(self) -> ApplicationState:
        """The application once no operation runs and its objects are well."""

        def still(state: ApplicationState) -> bool:
            return state.operation_phase in {"Succeeded", "Failed", "Error"} and state.entry.health == "Healthy"

        return await until(self.state, still)

    async def rollback(self) -> RollbackApplication:
        """Back to the first deployment."""
        first = (await self.state()).entry.history[0]
        return RollbackApplication(application=self.application, history_id=first.history_id, revision=first.revision)

    async def sync(self) -> SyncApplication:
        """To what is deployed."""
        deployed = (await self.state()).precondition.deployed_revision
        return SyncApplication(application=self.application, revision=deployed)

    async def automate(self) -> None:
        """Let Argo CD sync it by itself from now on."""
        patch = '{"spec": {"syncPolicy": {"automated": {}}}}'
        body = {"name": self.application, "patch": patch, "patchType": "merge"}
        (await self.running.patch(self.path, json=body)).raise_for_status()
        await until(self.state, lambda state: state.entry.auto_sync)


@asynccontextmanager
async def argo_bench(argocd: ArgoCd) -> AsyncGenerator[ArgoBench]:
    """Adapters over one Argo CD, and an application that was deployed twice."""
    number, argocd.made = argocd.made, argocd.made + 1
    application, workload = await argocd.make(number)
    headers = {"authorization": f"Bearer {argocd.runs}"}
    async with (
        argocd.client(argocd.reads) as reading,
        argocd.client(argocd.writes) as writing,
        httpx.AsyncClient(base_url=argocd.url, headers=headers, timeout=30, trust_env=False) as running,
    ):
        made = ArgoBench(argocd, application, workload, ArgoReader(reading), reading, writing, running)
        await made.idle()
        yield made


def in_memory_argocd(shop: Shop, services: list[str]) -> ArgoCd:
    """The shop's, whose services were all deployed twice before today."""

    async def make(number: int) -> Made:
        return f"shop-{services[number]}", services[number]

    tokens = (shop.argocd_read_token, shop.argocd_write_token, shop.argocd_write_token)
    return ArgoCd("in memory", shop.argocd, *tokens, make, Kubectl(shop.kubeconfig), "shop")


def real_argocd(cluster: Cluster, tokens: tuple[str, str, str], folder: Path) -> ArgoCd:
    """The real one; each application has a repository of its own, with two commits that were both synced."""
    kubectl = Kubectl(cluster.kubeconfig())

    async def make(number: int) -> Made:
        name = f"conform-{number}"
        repository = await asyncio.to_thread(Repository, folder / name)
        headers = {"authorization": f"Bearer {tokens[2]}"}
        async with httpx.AsyncClient(base_url=cluster.argocd.url, headers=headers, trust_env=False, timeout=30) as http:
            for index, image in enumerate((OLD, NEW)):
                ref = WorkloadRef(namespace=NAMESPACE, name=name)
                revision = await asyncio.to_thread(repository.commit, [manifest(ref, image=image)], f"Release {index}")
                if index == 0:
                    await asyncio.to_thread(kubectl.apply, [application(name, repository.url, NAMESPACE)])
                await _synced(http, name, revision)
        return name, name

    return ArgoCd("real", cluster.argocd.url, *tokens, make, kubectl, NAMESPACE)


async def _synced(http: httpx.AsyncClient, name: str, revision: str) -> None:
    async def ask() -> int:
        answer = await http.post(f"{APPLICATIONS}/{name}/sync", json={"revision": revision})
        return answer.status_code

    async def history() -> list[str]:
        document = (await http.get(f"{APPLICATIONS}/{name}")).raise_for_status().json()
        return [entry["revision"] for entry in document.get("status", {}).get("history", [])]

    await until(ask, lambda status: status == 200)
    await until(history, lambda revisions: revisions[-1:] == [revision])
