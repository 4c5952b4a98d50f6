import re
from dataclasses import dataclass

import httpx
import pytest

from domain.actions import RestartWorkload, ScaleWorkload
from domain.errors import Misconfigured, PreconditionDrift, UpstreamRejected
from domain.objects import WorkloadRef
from lab.cluster.access import bearer_of, server_of
from lab.cluster.identities import READ, WRITE, Identities, identities
from lab.cluster.kubectl import Kubectl
from lab.proof import report
from tests.lab.real import ControlPlane, deployment
from tools.artifacts import MemoryArtifacts
from tools.documents import JsonObject
from tools.http import Upstream
from tools.kubernetes.connect import connect
from tools.kubernetes.kinds import (
    CLUSTER_SCOPED,
    CONTROLLER_REVISION,
    LEASE,
    NAMESPACE,
    NAMESPACED,
    POD,
    WORKLOADS,
    Kind,
)
from tools.kubernetes.listing import METADATA_ONLY
from tools.kubernetes.preview import KubernetesPreview
from tools.kubernetes.read import KubernetesReader
from tools.kubernetes.write import KubernetesWriter

pytestmark = pytest.mark.lab

OURS, OTHERS = "privileges", "privileges-others"
WEB = WorkloadRef(namespace=OURS, name="web")
PATH = f"/apis/apps/v1/namespaces/{OURS}/deployments/web"
SECRETS = f"/api/v1/namespaces/{OURS}/secrets"
VALUE = "dG9wLXNlY3JldC12YWx1ZQ=="
MERGE = "application/merge-patch+json"
Allowed = frozenset[tuple[str, str]]
"""Verb and resource."""


def plural(kind: Kind) -> str:
    """As RBAC names it: with the group, but for the core's."""
    group = kind.api_version.rpartition("/")[0]
    return f"{kind.plural}.{group}" if group else kind.plural


READS: Allowed = frozenset(
    {("list", plural(kind)) for kind in (*NAMESPACED, CONTROLLER_REVISION) if not kind.named_only}
    | {("get", plural(kind)) for kind in (POD, *WORKLOADS.values())}
    | {("get", "pods/log")}
)
CLUSTER: Allowed = frozenset(("list", plural(kind)) for kind in (*CLUSTER_SCOPED, NAMESPACE))
WRITES: Allowed = frozenset(
    {(verb, plural(kind)) for kind in WORKLOADS.values() for verb in ("get", "patch")}
    | {("list", "replicasets.apps"), ("list", "controllerrevisions.apps")}
)
EVERYBODY: Allowed = frozenset(
    ("create", f"self{what}")
    for what in (
        "subjectreviews.authentication.k8s.io",
        "subjectaccessreviews.authorization.k8s.io",
        "subjectrulesreviews.authorization.k8s.io",
    )
)
"""What Kubernetes lets everybody do: ask who they are, and what they may."""
TABLE: dict[tuple[str, str], Allowed] = {
    (READ, OURS): READS | CLUSTER,
    (READ, OTHERS): CLUSTER,
    (READ, "kube-node-lease"): CLUSTER | {("list", plural(LEASE))},
    (READ, "kube-system"): CLUSTER | {("list", "pods")},
    (WRITE, OURS): WRITES,
    (WRITE, OTHERS): frozenset(),
    (WRITE, "kube-node-lease"): frozenset(),
    (WRITE, "kube-system"): frozenset(),
}
"""What each identity may do, by namespace; all else is refused."""


@dataclass(frozen=True)
class Granted:
    """A cluster with the shipped manifests applied to one of two namespaces that hold the same things."""

    admin: Kubectl
    identities: Identities

    def client(self, context: str, artifacts: MemoryArtifacts | None = None) -> Upstream:
        """The API server as one of the identities, by the product's client."""
        return connect(self.identities.kubeconfig, context, artifacts=artifacts or MemoryArtifacts())

    def raw(self, context: str) -> httpx.Client:
        """The API server as one of the identities, by a client that keeps no rules."""
        server, trusted = server_of(self.identities.kubeconfig)
        headers = bearer_of(self.identities.kubeconfig, context)
        return httpx.Client(base_url=server, headers=headers, verify=trusted, trust_env=False)

    def rights(self, context: str, namespace: str) -> Allowed:
        """All that the API server lets an identity do in a namespace, from `kubectl auth can-i --list`."""
        kubectl = Kubectl(self.identities.kubeconfig)
        table = kubectl.run(
            "auth", "can-i", "--list", f"--context={context}", f"--namespace={namespace}", "--no-headers"
        )
        rows = [re.match(r"(\S+)\s+\[(.*)\]\s+\[(.*)\]\s+\[(.*)\]", line) for line in table.splitlines()]
        return frozenset((verb, row[1]) for row in rows if row for verb in row[4].split())


def secret(namespace: str) -> JsonObject:
    """One with a value that must not be seen."""
    metadata: JsonObject = {"name": "database", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"password": VALUE}}


@pytest.fixture(scope="module")
def granted(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Granted:
    """Both namespaces have a Deployment and a Secret, and what the controllers put there."""
    admin = Kubectl(control_plane.admin)
    made = identities(control_plane.admin, tmp_path_factory.mktemp("identities") / "kubeconfig")
    made.bind(OURS)
    admin.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OTHERS}}])
    for namespace in (OURS, OTHERS):
        admin.apply([deployment("web", namespace), secret(namespace)])
    for namespace in (OURS, OTHERS):
        for what in ("serviceaccount/default", "configmap/kube-root-ca.crt"):
            admin.run("wait", "--for=create", what, f"--namespace={namespace}", "--timeout=50s")
        admin.run("rollout", "status", "deployment/web", f"--namespace={namespace}", "--timeout=50s")
    return Granted(admin, made)


def test_each_identity_may_do_what_the_table_says_and_nothing_else(granted: Granted):
    """The API server's own answer, every verb on every resource: what is not in the table is refused."""
    found = {key: granted.rights(*key) - EVERYBODY for key in TABLE}
    report.add(
        "Least privilege: what each identity may do",
        [
            {
                "identity": identity,
                "namespace": namespace,
                "reads": len([1 for verb, _ in allowed if verb in {"get", "list", "watch"}]),
                "changes": ", ".join(sorted(f"{v} {r}" for v, r in allowed if v not in {"get", "list", "watch"})),
                "secrets": ", ".join(sorted(verb for verb, resource in allowed if resource.startswith("secrets"))),
            }
            for (identity, namespace), allowed in found.items()
        ],
    )
    assert found == TABLE


REFUSED: dict[str, tuple[str, str, str]] = {
    "reading a Secret": (READ, "GET", f"{SECRETS}/database"),
    "reading all Secrets": (READ, "GET", SECRETS),
    "reading a Secret to write": (WRITE, "GET", f"{SECRETS}/database"),
    "patching to read": (READ, "PATCH", PATH),
    "scaling to read": (READ, "PATCH", f"{PATH}/scale"),
    "scaling beside the object": (WRITE, "PATCH", f"{PATH}/scale"),
    "deleting": (WRITE, "DELETE", PATH),
    "creating": (WRITE, "POST", f"/apis/apps/v1/namespaces/{OURS}/deployments"),
    "replacing": (WRITE, "PUT", PATH),
    "patching elsewhere": (WRITE, "PATCH", PATH.replace(OURS, OTHERS)),
    "reading elsewhere": (READ, "GET", PATH.replace(OURS, OTHERS)),
    "reading pods to write": (WRITE, "GET", f"/api/v1/namespaces/{OURS}/pods"),
    "entering a pod": (READ, "GET", f"/api/v1/namespaces/{OURS}/pods/x/exec?command=id"),
    "its own rights": (WRITE, "POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{OURS}/rolebindings"),
    "a token of its own": (WRITE, "POST", "/api/v1/namespaces/triagent/serviceaccounts/triagent-write/token"),
}


@pytest.mark.parametrize(("identity", "method", "path"), REFUSED.values(), ids=REFUSED)
def test_the_api_server_refuses_the_rest(granted: Granted, identity: str, method: str, path: str):
    """403 to the request itself, whatever a client would like to think it may do."""
    media = MERGE if method == "PATCH" else "application/json"
    with granted.raw(identity) as client:
        answer = client.request(method, path, headers={"content-type": media}, content=b"{}")
    assert answer.status_code == 403, answer.text
    assert VALUE not in answer.text


def test_neither_identity_becomes_another(granted: Granted):
    """Nor does one reach Secrets by asking for less of them, or in the name of somebody who may."""
    somebody = {"impersonate-user": "somebody", "impersonate-group": "system:masters"}
    ways = ({"accept": METADATA_ONLY}, {"impersonate-user": "admin"}, somebody)
    for identity in (READ, WRITE):
        with granted.raw(identity) as client:
            assert [client.get(SECRETS, headers=way).status_code for way in ways] == [403, 403, 403]


async def test_an_investigation_sees_all_but_secrets_and_says_so(granted: Granted):
    """Every list of the product's own reader is allowed; the one that is not is named, and its values are nowhere."""
    artifacts = MemoryArtifacts()
    async with granted.client(READ, artifacts) as client:
        reading = await KubernetesReader(client).objects(OURS)
    assert [line.partition(":")[0] for line in reading.value.denied] == ["secrets"]
    assert "forbidden" in reading.value.denied[0]
    assert {"Deployment", "ReplicaSet", "ConfigMap", "ServiceAccount"} <= {
        str(item["kind"]) for item in reading.value.items
    }
    assert VALUE.encode() not in await artifacts.get(reading.digest)


async def test_an_investigation_elsewhere_sees_no_workload(granted: Granted):
    """What is bound in one namespace says nothing about another."""
    async with granted.client(READ) as client:
        found = (await KubernetesReader(client).objects(OTHERS)).value
        assert found.of("Deployment") == ()
        with pytest.raises(UpstreamRejected, match="forbidden"):
            await KubernetesReader(client).workload(WEB.model_copy(update={"namespace": OTHERS}))
    assert any(line.startswith("deployments:") for line in found.denied)


async def test_where_names_of_secrets_are_granted_their_values_still_stay(granted: Granted):
    """The optional role: the product gets metadata only. The token itself could read more, as the manifests warn."""
    granted.identities.allow_secret_names(OURS)
    artifacts = MemoryArtifacts()
    async with granted.client(READ, artifacts) as client:
        reading = await KubernetesReader(client).objects(OURS)
    names = [item["metadata"]["name"] for item in reading.value.of("Secret")]  # type: ignore[index, call-overload]
    with granted.raw(READ) as client:
        asked_as_we_do = client.get(SECRETS, headers={"accept": METADATA_ONLY}).text
        asked_for_all = client.get(SECRETS).text
    granted.admin.run("delete", "role,rolebinding", "triagent-secret-names", f"--namespace={OURS}")
    assert names == ["database"]
    assert reading.value.denied == ()
    assert '"data"' not in asked_as_we_do
    assert '"data"' in asked_for_all


async def test_the_write_identity_changes_workloads_where_it_is_bound(granted: Granted, control_plane: ControlPlane):
    """Previewed by a dry run that stores nothing, carried out by one request that the audit log knows."""
    since = control_plane.audit.position()
    action = ScaleWorkload(workload=WEB, replicas=3)
    async with granted.client(READ) as reading, granted.client(WRITE) as writing:
        before = (await KubernetesReader(reading).workload(WEB)).value.precondition
        effect = await KubernetesPreview(writing).preview(action)
        assert control_plane.writes_of_the_product(since) == []
        await KubernetesWriter(writing).apply(action, before, "privileges-1")
        after = (await KubernetesReader(reading).workload(WEB)).value.precondition
    assert (effect.dry_run, after.replicas) == ("server", 3)
    (written,) = control_plane.writes_of_the_product(since)
    assert (written.verb, written.object.namespace, written.object.name) == ("patch", OURS, "web")


async def test_where_it_is_not_bound_nobody_is_asked_to_approve(granted: Granted):
    """The preview fails with what the API server says, before there is a plan."""
    action = RestartWorkload(workload=WEB.model_copy(update={"namespace": OTHERS}))
    async with granted.client(WRITE) as writing:
        with pytest.raises(Misconfigured, match="the write identity may not restart deployment/web"):
            await KubernetesPreview(writing).preview(action)


async def test_a_permission_that_is_withdrawn_is_drift(granted: Granted, control_plane: ControlPlane):
    """What was allowed when it was reviewed and is not when it is carried out is not tried another way."""
    action = RestartWorkload(workload=WEB)
    since = control_plane.audit.position()
    async with granted.client(READ) as reading, granted.client(WRITE) as writing:
        before = (await KubernetesReader(reading).workload(WEB)).value.precondition
        await KubernetesPreview(writing).preview(action)
        granted.identities.withdraw(OURS)
        try:
            with pytest.raises(PreconditionDrift, match="may no longer change deployment/web"):
                await KubernetesWriter(writing).apply(action, before, "privileges-2")
        finally:
            granted.identities.bind(OURS)
    assert control_plane.writes_of_the_product(since) == []
