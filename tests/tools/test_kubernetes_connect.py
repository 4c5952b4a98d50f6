import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml

from domain.errors import Misconfigured, UpstreamRejected
from tests.tools.conftest import Shop
from tools.artifacts import MemoryArtifacts
from tools.kubernetes.connect import connect


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Callable[..., Path]:
    """A kubeconfig with two contexts whose user is given."""

    def write(user: dict[str, object], **cluster: object) -> Path:
        path = tmp_path / "config"
        content = {
            "current-context": "one",
            "clusters": [{"name": "c", "cluster": {"server": "http://kubernetes.test", **cluster}}],
            "users": [{"name": "u", "user": user}, {"name": "other", "user": {"token": "two"}}],
            "contexts": [
                {"name": "one", "context": {"cluster": "c", "user": "u"}},
                {"name": "two", "context": {"cluster": "c", "user": "other"}},
            ],
        }
        path.write_text(yaml.safe_dump(content))
        return path

    return write


async def authorization(path: Path, context: str | None = None) -> str:
    """The header that a request of that context carries."""
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization", ""))
        return httpx.Response(200, json={})

    async with connect(path, context, artifacts=MemoryArtifacts(), transport=httpx.MockTransport(handler)) as client:
        await client.get("/version")
    return seen[0]


async def test_the_context_chooses_the_identity(kubeconfig: Callable[..., Path]):
    """The current context if none is named; basic authentication works too."""
    path = kubeconfig({"token": "one"})
    assert await authorization(path) == "Bearer one"
    assert await authorization(path, "two") == "Bearer two"
    basic = base64.b64encode(b"bob:hunter2").decode()
    assert await authorization(kubeconfig({"username": "bob", "password": "hunter2"})) == f"Basic {basic}"


async def test_exec_plugins_are_asked_again_after_a_401(kubeconfig: Callable[..., Path], tmp_path: Path):
    """A token that has expired is fetched anew, once."""
    script = tmp_path / "plugin"
    script.write_text(
        f"#!/bin/sh\necho x >> {tmp_path}/calls\n"
        f'echo "{{\\"status\\": {{\\"token\\": \\"t$(wc -l < {tmp_path}/calls)\\"}}}}"\n'
    )
    script.chmod(0o755)
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": str(script)}}
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(401 if len(seen) == 2 else 200, json={})

    transport = httpx.MockTransport(handler)
    async with connect(kubeconfig(user), artifacts=MemoryArtifacts(), transport=transport) as client:
        for _ in range(3):
            await client.get("/version")
    assert seen == ["Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2"]


async def test_a_plugin_that_fails_is_misconfigured(kubeconfig: Callable[..., Path]):
    """Its failure names Kubernetes' credentials."""
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "false"}}
    with pytest.raises(Misconfigured, match="credentials"):
        await authorization(kubeconfig(user))


@pytest.mark.parametrize("content", ["", "[]", "{", "clusters: 3", "current-context: x\nclusters: []\ncontexts: []"])
def test_files_that_are_no_kubeconfig_are_named(tmp_path: Path, content: str):
    """Whatever is in the file, the error says which file it is."""
    path = tmp_path / "broken.yaml"
    path.write_text(content)
    with pytest.raises(Misconfigured, match=r"broken\.yaml"):
        connect(path, artifacts=MemoryArtifacts())


def test_what_is_not_there_is_named(kubeconfig: Callable[..., Path], tmp_path: Path):
    """A missing file, context, certificate or service account."""
    with pytest.raises(Misconfigured, match="absent"):
        connect(tmp_path / "absent", artifacts=MemoryArtifacts())
    with pytest.raises(Misconfigured, match="three"):
        connect(kubeconfig({"token": "x"}), "three", artifacts=MemoryArtifacts())
    for user in (
        {"client-certificate": "no.crt", "client-key": "no.key"},
        {"client-certificate-data": "?", "client-key-data": "?"},
    ):
        with pytest.raises(Misconfigured, match="context 'one'"):
            connect(kubeconfig(user), artifacts=MemoryArtifacts())
    with pytest.raises(Misconfigured, match="context 'one'"):
        connect(kubeconfig({}, **{"certificate-authority": "no.crt"}), artifacts=MemoryArtifacts())
    with pytest.raises(Misconfigured, match="service account"):
        connect(None, artifacts=MemoryArtifacts())


async def test_the_shops_kubeconfig_is_usable(shop: Shop, artifacts: MemoryArtifacts):
    """Over TLS with the authority of the file; the reading identity may not write."""
    async with shop.client("shop-read", artifacts) as client:
        await client.get("/version")
        with pytest.raises(UpstreamRejected) as caught:
            await client.patch("/apis/apps/v1/namespaces/shop/deployments/checkout", {}, "application/merge-patch+json")
    assert caught.value.status == 403
