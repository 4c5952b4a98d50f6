"""Events, in the words of who writes them, and old ones of things that have long been well again."""

from datetime import datetime, timedelta

from evals.synthesis.api import stamp
from evals.synthesis.shapes import App, Pod
from evals.synthesis.wording import worded
from evals.synthesis.world import World

KUBELET, SCHEDULER = "kubelet", "default-scheduler"


def event(
    world: World,
    kind: str,
    name: str,
    reason: str,
    message: str,
    source: str,
    *,
    at: datetime | None = None,
    count: int = 1,
    normal: bool = False,
) -> None:
    """Write an event; one that was seen often is last seen `at`, and first since the onset."""
    last = at or world.ago(world.dice.randint(5, 40))
    first = min(world.after(world.dice.randint(1, 8)), last) if count > 1 else last
    scoped = kind not in {"Node", "PersistentVolume"}
    namespace = world.system.namespace if scoped else ""
    world.events.append(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{name}.{world.dice.getrandbits(64):016x}",
                "namespace": namespace or "default",
                "creationTimestamp": stamp(first),
            },
            "involvedObject": {"kind": kind, "name": name, "namespace": namespace, "uid": world.uid(kind, name)},
            "reason": reason,
            "message": message,
            "type": "Normal" if normal else "Warning",
            "firstTimestamp": stamp(first),
            "lastTimestamp": stamp(last),
            "count": count,
            "source": {"component": source},
            "reportingComponent": source,
        }
    )


def of_pod(world: World, pod: Pod, reason: str, message: str, *, count: int = 1, normal: bool = False) -> None:
    """An event of the kubelet about a pod."""
    event(world, "Pod", pod.name, reason, message, KUBELET, count=count, normal=normal)


def started(world: World, pod: Pod) -> None:
    """The events of a pod that was placed and whose first container was started."""
    moment = pod.created + timedelta(seconds=1)
    where = f"{world.system.namespace}/{pod.name}"
    event(
        world,
        "Pod",
        pod.name,
        "Scheduled",
        f"Successfully assigned {where} to {pod.node}",
        SCHEDULER,
        at=moment,
        normal=True,
    )
    for container in pod.template.containers:
        colon = ":" if world.system.modern else ""
        pulled = f'Container image "{container.image}" already present on machine'
        for reason, message in (
            ("Pulled", pulled),
            ("Created", f"Created container{colon} {container.name}"),
            ("Started", f"Started container {container.name}"),
        ):
            event(world, "Pod", pod.name, reason, message, KUBELET, at=moment, normal=True)


def scaled(world: World, app: App, replicas: int, at: datetime) -> None:
    """The Deployment controller has scaled its newest ReplicaSet."""
    message = f"Scaled up replica set {app.name}-{app.revisions[-1].hash} from 0 to {replicas}"
    event(world, "Deployment", app.name, "ScalingReplicaSet", message, "deployment-controller", at=at, normal=True)


def back_off(world: World, pod: Pod, *, container: str = "") -> str:
    """The kubelet's back-off of a container that keeps ending; gives the waiting state's message."""
    name = container or pod.main.name
    whole = f"container={name} pod={pod.name}_{world.system.namespace}({world.uid('Pod', pod.name)})"
    short = f"container {name} in pod {pod.name}_{world.system.namespace}({world.uid('Pod', pod.name)})"
    of_pod(world, pod, "BackOff", f"Back-off restarting failed {short}", count=9)
    return f"back-off 1m20s restarting failed {whole}"


def bygones(world: World, spared: str) -> None:
    """Events of yesterday's trouble: a slow start, a scheduling delay, a pull that worked in the end."""
    others = [app for app in world.apps.values() if app.name != spared]
    for app in world.dice.sample(others, k=min(3, len(others))):
        pod = app.pods[0]
        long_ago = world.ago(world.dice.randint(2400, 3400))
        address = f"{pod.ip}:{app.component.port}"
        reason, message, source = world.dice.choice(
            (
                ("Unhealthy", f"Readiness probe failed: dial tcp {address}: connect: connection refused", KUBELET),
                ("FailedScheduling", "0/4 nodes are available: 4 Insufficient cpu.", SCHEDULER),
                ("FailedMount", worded("old_mount", KUBELET), KUBELET),
            )
        )
        event(world, "Pod", pod.name, reason, message, source, at=long_ago)
