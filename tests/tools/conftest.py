import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from lab.process import Server, Servers
from tests.tools.peers import FAST, Peer
from tools.artifacts import MemoryArtifacts
from tools.http import Upstream
from tools.kubernetes.connect import connect


@pytest.fixture
def artifacts() -> MemoryArtifacts:
    return MemoryArtifacts()


@pytest.fixture
def upstream(artifacts: MemoryArtifacts) -> Callable[..., Upstream]:
    """An upstream whose answers come from a function of the request."""

    def build(handler: Callable[[httpx.Request], httpx.Response], system: str = "upstream") -> Upstream:
        transport = httpx.MockTransport(handler)
        return Upstream(system, "http://upstream.test", artifacts=artifacts, policy=FAST, transport=transport)

    return build


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """A server on loopback that answers with the bytes it is given."""
    async with Peer() as started:
        yield started


@dataclass(frozen=True)
class Shop:
    """The lab's shop: the addresses of its APIs."""

    server: Server
    kubernetes: str
    argocd: str
    tempo: str
    control: str
    kubeconfig: Path
    argocd_read_token: str
    argocd_write_token: str

    def client(self, context: str, artifacts: MemoryArtifacts, **options: object) -> Upstream:
        """The Kubernetes API as one of the kubeconfig's contexts."""
        return connect(self.kubeconfig, context, artifacts=artifacts, **options)  # type: ignore[arg-type]

    def changes(self, path_part: str) -> list[dict[str, object]]:
        """Entries of the write log that changed something, oldest first."""
        log = httpx.get(f"{self.control}/writes", trust_env=False).json()
        return [entry for entry in log if entry["changed"] and path_part in entry["path"]]

    def pages(self) -> list[dict[str, object]]:
        """Bodies that the pager's webhook got, oldest first."""
        return [page["body"] for page in httpx.get(f"{self.control}/pages", trust_env=False).json()]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One shop for all tests: each works on a workload or application of its own."""
    folder = tmp_path_factory.mktemp("shop")
    with Servers(folder) as servers:
        server = servers.start("shop", [sys.executable, "-m", "lab.shop", "--data-dir", str(folder)])
        said = json.loads(server.first_line(within=60))
        yield Shop(
            server,
            **{name: said[name] for name in ("kubernetes", "argocd", "tempo", "control")},
            kubeconfig=Path(said["kubeconfig"]),
            argocd_read_token=said["argocd_read_token"],
            argocd_write_token=said["argocd_write_token"],
        )
