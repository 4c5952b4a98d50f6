from collections.abc import Iterator

import pytest

from lab.cluster.identities import READ, WRITE, identities
from lab.demo.stack import start_shop
from lab.process import Servers, free_port
from tests.lab.conformance.backends import Cluster, bench
from tests.lab.conformance.kubernetes_cases import CASES
from tests.lab.real import ControlPlane

pytestmark = pytest.mark.lab
NAMESPACE = "conformance"


@pytest.fixture(scope="module")
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The shop's API, as tests of the product meet it."""
    folder = tmp_path_factory.mktemp("shop")
    with Servers(folder / "logs") as servers:
        shop = start_shop(servers, folder, seed=1, metrics_port=free_port())
        file = shop.kubeconfig
        yield Cluster("in memory", file, "shop-read", "shop-write", (file, "shop-write"), "shop")


@pytest.fixture(scope="module")
def real(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The real API server, with the shipped identities."""
    made = identities(control_plane.admin, tmp_path_factory.mktemp("identities") / "kubeconfig")
    made.bind(NAMESPACE)
    return Cluster("real", made.kubeconfig, READ, WRITE, (control_plane.admin, "admin"), NAMESPACE)


@pytest.mark.parametrize("backend", ["in_memory", "real"])
@pytest.mark.parametrize("name", CASES)
async def test_the_adapters_find_the_same_in_both(name: str, backend: str, request: pytest.FixtureRequest):
    """Each case finds what it says, in memory and in earnest: that is what makes the fast one worth testing with."""
    case, expected = CASES[name]
    async with bench(request.getfixturevalue(backend)) as made:
        found = await case(made)
    assert found == expected
