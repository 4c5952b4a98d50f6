from collections.abc import Iterator

import pytest

from lab.cluster import Cluster
from lab.cluster.argocd import READER, WRITER
from lab.cluster.kubectl import Kubectl
from lab.cluster.plan import ARGOCD
from lab.demo.stack import start_shop
from lab.process import Servers, free_port
from lab.shop.topology import SERVICES
from tests.lab.conformance.argo_backends import (
    NAMESPACE,
    ArgoCd,
    argo_bench,
    in_memory_argocd,
    real_argocd,
)
from tests.lab.conformance.argo_cases import CHANGES, READS

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoCd]:
    """The shop's Argo CD, as tests of the product meet it."""
    folder = tmp_path_factory.mktemp("shop")
    with Servers(folder / "logs") as servers:
        shop = start_shop(servers, folder, seed=1, metrics_port=free_port())
        yield in_memory_argocd(shop, [service.name for service in SERVICES if service.tracked])


@pytest.fixture(scope="module")
def real(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> ArgoCd:
    """The real one, with the two accounts that the page on least privilege asks for."""
    cluster.ensure(*ARGOCD)
    Kubectl(cluster.kubeconfig()).apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
    accounts = [cluster.argocd.account_token(account) for account in (READER, WRITER)]
    return real_argocd(cluster, (*accounts, cluster.argocd.admin_token()), tmp_path_factory.mktemp("git"))


@pytest.mark.parametrize("backend", ["in_memory", "real"])
async def test_the_reading_adapter_finds_the_same_in_both(backend: str, request: pytest.FixtureRequest):
    """Every read, of one application: what it says, in memory and in earnest."""
    async with argo_bench(request.getfixturevalue(backend)) as made:
        found = {name: await case(made) for name, (case, _) in READS.items()}
    assert found == {name: expected for name, (_, expected) in READS.items()}


@pytest.mark.parametrize("backend", ["in_memory", "real"])
@pytest.mark.parametrize("name", CHANGES)
async def test_the_writing_adapter_finds_the_same_in_both(name: str, backend: str, request: pytest.FixtureRequest):
    """Every change, of an application of its own."""
    case, expected = CHANGES[name]
    async with argo_bench(request.getfixturevalue(backend)) as made:
        found = await case(made)
    assert found == expected
