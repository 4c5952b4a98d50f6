from collections.abc import Iterator

import pytest

from lab.cluster import CONTROL_PLANE, Cluster
from lab.cluster.identities import NAMESPACE
from lab.cluster.kubectl import Kubectl
from tests.lab.real import ControlPlane

AT_ONCE = 100
"""Namespaces one command deletes: kubectl asks for five a second at the most."""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real control plane for the session; other parts are started by the tests that need them."""
    with Cluster(tmp_path_factory.mktemp("cluster"), parts=CONTROL_PLANE) as started:
        yield started


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether all repetitions were asked for (`make test-lab FULL=1`), or the short form."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="module")
def control_plane(cluster: Cluster) -> Iterator[ControlPlane]:
    """Its API server, and what that writes down. A file's namespaces go when it is through: nodes hold so many pods."""
    kubectl = Kubectl(cluster.kubeconfig())
    before = _namespaces(kubectl)
    yield ControlPlane(cluster.kubeconfig(), cluster.audit)
    made = sorted(_namespaces(kubectl) - before - {NAMESPACE})
    for first in range(0, len(made), AT_ONCE):
        kubectl.run("delete", "namespace", *made[first : first + AT_ONCE], "--wait=false")


def _namespaces(kubectl: Kubectl) -> set[str]:
    return set(kubectl.run("get", "namespaces", "--output=jsonpath={.items[*].metadata.name}").split())
