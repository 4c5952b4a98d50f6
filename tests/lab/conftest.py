from collections.abc import Iterator

import pytest

from lab.cluster import CONTROL_PLANE, Cluster
from tests.lab.real import ControlPlane


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real control plane for the session; other parts are started by the tests that need them."""
    with Cluster(tmp_path_factory.mktemp("cluster"), parts=CONTROL_PLANE) as started:
        yield started


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether all repetitions were asked for (`make test-lab FULL=1`), or the short form."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session")
def control_plane(cluster: Cluster) -> ControlPlane:
    """Its API server, and what that writes down."""
    return ControlPlane(cluster.kubeconfig(), cluster.audit)
