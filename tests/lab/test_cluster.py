"""The real cluster does what a cluster does, and its nodes behave as their pods say."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from pydantic import JsonValue

from lab.cluster import CONTROL_PLANE, Cluster
from lab.cluster.argocd import WRITER, application
from lab.cluster.kubectl import Kubectl
from lab.cluster.objects import apply, namespace
from lab.cluster.plan import ARGOCD
from lab.cluster.stages import BEHAVIOUR
from lab.site.repositories import Repository
from tests.lab.real import deployment

pytestmark = pytest.mark.lab
Manifest = dict[str, JsonValue]


def kubectl(cluster: Cluster, *arguments: str) -> str:
    """The output of kubectl as the administrator."""
    return Kubectl(cluster.kubeconfig()).run(*arguments)


def eventually(holds: Callable[[], bool], *, within: float) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def pods(cluster: Cluster) -> Iterator[Callable[[str], str]]:
    """Makes a namespace; a jsonpath of the pod of a Deployment there is looked up by name, nothing without a pod."""
    apply(cluster.kubeconfig(), [namespace("behaviours")])

    def look(name: str) -> str:
        path = "jsonpath={.items[*]." + name.partition(":")[2] + "}"  # an index that is not there is an error
        return kubectl(cluster, "-n", "behaviours", "get", "pods", "-l", f"app={name.partition(':')[0]}", "-o", path)

    yield look
    kubectl(cluster, "delete", "namespace", "behaviours", "--wait=false")


def behaving(name: str, behaviour: str = "", image: str = "web:1") -> JsonValue:
    """A Deployment whose pods do that."""
    made = deployment(name, "behaviours", image=image)
    made["spec"]["template"]["metadata"]["annotations"] = {BEHAVIOUR: behaviour}  # type: ignore[index]
    return made  # type: ignore[return-value]


def test_a_deployment_rolls_out_and_is_undone(cluster: Cluster) -> None:
    """Scheduler, controllers and nodes work together; six nodes in two zones are ready."""
    apply(cluster.kubeconfig(), [namespace("plain"), deployment("web", "plain", replicas=3)])  # type: ignore[list-item]
    kubectl(cluster, "-n", "plain", "rollout", "status", "deployment/web", "--timeout=30s")
    kubectl(cluster, "-n", "plain", "set", "image", "deployment/web", "web=web:2")
    kubectl(cluster, "-n", "plain", "rollout", "status", "deployment/web", "--timeout=30s")
    kubectl(cluster, "-n", "plain", "rollout", "undo", "deployment/web")
    kubectl(cluster, "-n", "plain", "rollout", "status", "deployment/web", "--timeout=30s")
    images = kubectl(cluster, "-n", "plain", "get", "deployment", "web", "-o", "jsonpath={..image}")
    assert images == "web:1"
    zones = kubectl(
        cluster, "get", "nodes", "-o", r"jsonpath={.items[*].metadata.labels.topology\.kubernetes\.io/zone}"
    )
    assert sorted(zones.split()) == ["zone-a"] * 3 + ["zone-b"] * 3


STATUS = "status.containerStatuses[0]."


@pytest.mark.parametrize(
    ("name", "behaviour", "image", "where", "what"),
    [
        ("crashing", "crash-loop", "web:1", "state.waiting.reason", "CrashLoopBackOff"),
        ("ends-with-1", "crash-loop", "web:1", "lastState.terminated.exitCode", "1"),
        ("greedy", "oom-killed", "web:1", "lastState.terminated.reason", "OOMKilled"),
        ("greedy-137", "oom-killed", "web:1", "lastState.terminated.exitCode", "137"),
        ("never-pushed", "", "web:missing-1", "state.waiting.reason", "ImagePullBackOff"),
        ("not-pulled", "image-pull", "web:1", "state.waiting.reason", "ImagePullBackOff"),
    ],
)
def test_pods_fail_as_they_are_told(
    cluster: Cluster, pods: Callable[[str], str], name: str, behaviour: str, image: str, where: str, what: str
) -> None:
    """The status is the one a kubelet writes."""
    apply(cluster.kubeconfig(), [behaving(name, behaviour, image)])
    eventually(lambda: pods(f"{name}:{STATUS}{where}") == what, within=30)


def test_restarts_go_up_and_the_event_names_the_pod(cluster: Cluster, pods: Callable[[str], str]) -> None:
    """The back-off is told as kubelets tell it."""
    apply(cluster.kubeconfig(), [behaving("looping", "crash-loop")])
    eventually(lambda: pods(f"looping:{STATUS}restartCount") == "2", within=40)
    pod, uid = pods("looping:metadata.name"), pods("looping:metadata.uid")
    eventually(lambda: "back-off" in pods(f"looping:{STATUS}state.waiting.message"), within=20)
    message = pods(f"looping:{STATUS}state.waiting.message")
    assert message == f"back-off 10s restarting failed container=looping pod={pod}_behaviours({uid})"
    selector = f"--field-selector=involvedObject.uid={uid},reason=BackOff"
    events = ("-n", "behaviours", "get", "events", selector, "-o")
    eventually(lambda: bool(kubectl(cluster, *events, "name")), within=10)
    told = kubectl(cluster, *events, "jsonpath={.items[0].message}")
    assert told == f"Back-off restarting failed container looping in pod {pod}_behaviours({uid})"


def test_a_behaviour_may_come_and_go(cluster: Cluster, pods: Callable[[str], str]) -> None:
    """A pod that was well stops being ready when it is told so, and recovers."""
    apply(cluster.kubeconfig(), [behaving("moody")])
    ready = f"moody:{STATUS}ready"
    eventually(lambda: pods(ready) == "true", within=20)
    pod = pods("moody:metadata.name")
    kubectl(cluster, "-n", "behaviours", "annotate", "pod", pod, f"{BEHAVIOUR}=never-ready", "--overwrite")
    eventually(lambda: pods(ready) == "false", within=20)
    kubectl(cluster, "-n", "behaviours", "annotate", "pod", pod, f"{BEHAVIOUR}-")
    eventually(lambda: pods(ready) == "true", within=20)


def test_what_is_deleted_goes(cluster: Cluster) -> None:
    """A pod with the event of it; a namespace, which takes no more events, with pods that are well and that are not."""
    apply(cluster.kubeconfig(), [namespace("gone"), deployment("fine", "gone")])
    apply(cluster.kubeconfig(), [deployment("never-pushed", "gone", image="shop.example/web:missing-1")])
    states = "jsonpath={.items[*].status.containerStatuses[*]['ready','state.waiting.reason']}"
    look = partial(kubectl, cluster, "-n", "gone", "get", "pods", "-o", states)
    eventually(lambda: {"true", "ImagePullBackOff"} <= set(look().split()), within=30)
    kubectl(cluster, "-n", "gone", "delete", "pod", "-l", "app=fine", "--timeout=20s")
    killed = partial(kubectl, cluster, "-n", "gone", "get", "events", "--field-selector=reason=Killing", "-o", "name")
    eventually(lambda: len(killed().split()) == 1, within=10)
    eventually(lambda: {"true", "ImagePullBackOff"} <= set(look().split()), within=30)
    kubectl(cluster, "delete", "namespace", "gone", "--timeout=40s")


def test_a_pod_waits_for_its_secret(cluster: Cluster, pods: Callable[[str], str]) -> None:
    """Without the Secret its container cannot be created, and it says which; with it the pod starts."""
    made = behaving("needy")
    variable: JsonValue = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "needed", "key": "key"}}}
    made["spec"]["template"]["spec"]["containers"][0]["env"] = [variable]  # type: ignore[index,call-overload]
    apply(cluster.kubeconfig(), [made])
    eventually(lambda: pods(f"needy:{STATUS}state.waiting.reason") == "CreateContainerConfigError", within=20)
    assert pods(f"needy:{STATUS}state.waiting.message") == 'secret "needed" not found'
    kubectl(cluster, "-n", "behaviours", "create", "secret", "generic", "needed", "--from-literal=key=value")
    eventually(lambda: pods(f"needy:{STATUS}ready") == "true", within=20)


def test_the_api_server_writes_down_who_changed_what(cluster: Cluster) -> None:
    """One change is one line, and a dry run none."""
    apply(cluster.kubeconfig(), [namespace("audited"), deployment("web", "audited")])  # type: ignore[list-item]
    since = cluster.audit.position()
    kubectl(cluster, "-n", "audited", "scale", "deployment/web", "--replicas=2")
    kubectl(cluster, "-n", "audited", "scale", "deployment/web", "--replicas=3", "--dry-run=server")
    writes = [event for event in cluster.audit.writes(since, user="admin") if event.object.namespace == "audited"]
    assert [(event.verb, event.object.subresource) for event in writes] == [("patch", "scale")]


def test_a_killed_part_comes_back_where_it_was(tmp_path: Path) -> None:
    """The API server and etcd are killed and started again: the same addresses, the same objects."""
    with Cluster(tmp_path / "run", parts=("etcd", "kube-apiserver")) as cluster:
        apply(cluster.kubeconfig(), [namespace("kept")])
        for name in ("kube-apiserver", "etcd"):
            cluster.kill(name)
        assert not cluster.running("etcd")
        cluster.ensure("etcd", "kube-apiserver")
        assert kubectl(cluster, "get", "namespace", "kept", "-o", "name") == "namespace/kept\n"


def test_argo_cd_delivers_from_git_and_rolls_back(cluster: Cluster, tmp_path: Path) -> None:
    """Out of sync, synced, a second commit synced, and back to the first."""
    cluster.ensure(*ARGOCD)
    repository = Repository(tmp_path / "git")
    repository.commit([deployment("web", "delivered")], "web:1")
    apply(cluster.kubeconfig(), [namespace("delivered"), application("web", repository.url, "delivered")])
    argo = Argo(cluster)
    eventually(lambda: argo.status() == ("OutOfSync", "Missing"), within=40)
    argo.post("sync", {})
    eventually(lambda: argo.status() == ("Synced", "Healthy") and not argo.operating(), within=40)
    repository.commit([deployment("web", "delivered", image="web:2")], "web:2")
    argo.post("sync", {})
    image = ("-n", "delivered", "get", "deployment", "web", "-o", "jsonpath={..image}")
    eventually(lambda: kubectl(cluster, *image) == "web:2" and not argo.operating(), within=40)
    argo.post("rollback", {"id": 0})
    eventually(lambda: kubectl(cluster, *image) == "web:1", within=40)


class Argo:
    """Argo CD's API, with the token that may sync."""

    def __init__(self, cluster: Cluster) -> None:
        self._url = f"{cluster.argocd.url}/api/v1/applications/web"
        self._headers = {"Authorization": f"Bearer {cluster.argocd.account_token(WRITER)}"}

    def post(self, action: str, body: Manifest) -> None:
        """Ask for an operation."""
        answer = httpx.post(f"{self._url}/{action}", json=body, headers=self._headers, trust_env=False, timeout=30)
        answer.raise_for_status()

    def status(self) -> tuple[str, str]:
        """Sync and health."""
        status = self._application().get("status", {})
        return status.get("sync", {}).get("status", ""), status.get("health", {}).get("status", "")

    def operating(self) -> bool:
        """Whether an operation is under way."""
        application = self._application()
        phase = application.get("status", {}).get("operationState", {}).get("phase", "")
        return "operation" in application or phase == "Running"

    def _application(self) -> dict[str, dict[str, dict[str, str]]]:
        return httpx.get(self._url, headers=self._headers, trust_env=False, timeout=30).raise_for_status().json()


def test_a_part_is_chosen_alone(tmp_path: Path) -> None:
    """No part that was not asked for runs."""
    with Cluster(tmp_path / "run", parts=("etcd",)) as cluster:
        assert [name for name in (*CONTROL_PLANE, *ARGOCD, "temporal") if cluster.running(name)] == ["etcd"]
