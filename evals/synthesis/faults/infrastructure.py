"""Nodes and what runs on them."""

from evals.synthesis import history
from evals.synthesis.faults.fault import Fault, harm, own
from evals.synthesis.logs import say
from evals.synthesis.shapes import App, Node
from evals.synthesis.world import World, changed, roll_out, unlooked


def _struck(world: World, app: App) -> Node:
    """The node of the app's first pod."""
    return world.node(app.pods[0].node)


def _unready(world: World, node: Node, status: str, reason: str, message: str) -> None:
    """The node is not ready, and so are its pods."""
    node.ready = (status, reason, message)
    words = f"Node {node.name} status is now: NodeNotReady"
    history.event(world, "Node", node.name, "NodeNotReady", words, "node-controller", at=world.after(45), normal=True)
    for app in world.apps.values():
        for pod in app.pods:
            if pod.node == node.name:
                pod.unreachable = True
                history.event(
                    world, "Pod", pod.name, "NodeNotReady", "Node is not ready", "node-controller", at=world.after(46)
                )
        harm(world, app)


def _kubelet(world: World, app: App) -> str:
    node = _struck(world, app)
    node.units["kubelet.service"] = world.dice.random() < 0.5
    node.heartbeat_ago = (world.now - world.onset).total_seconds()
    for effect in ("NoSchedule", "NoExecute"):
        node.taints.append({"key": "node.kubernetes.io/unreachable", "effect": effect})
    _unready(world, node, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    return f"node/{node.name}"


def _containerd(world: World, app: App) -> str:
    node = _struck(world, app)
    node.units["containerd.service"] = world.dice.random() < 0.5
    node.taints.append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})
    words = "[container runtime is down, PLEG is not healthy: pleg was last seen active 4m12.1s ago; threshold is 3m0s]"
    _unready(world, node, "False", "KubeletNotReady", words)
    return f"node/{node.name}"


def _kube_proxy(world: World, app: App) -> str:
    """No Service can be reached from the node; established connections and pods themselves are well."""
    node = _struck(world, app)
    node.units["kube-proxy.service"] = world.dice.random() < 0.5
    world.telemetry.blind_nodes.add(node.name)
    for other in world.apps.values():
        pods = [pod for pod in other.pods if pod.node == node.name]
        for name in other.component.calls if pods else ():
            callee = world.apps[name]
            say(world, pods[0], f"dial tcp {callee.fronts[0].ip}:{callee.component.port}: i/o timeout")
            world.telemetry.shift(other.name, "success_ratio", factor=0.4)
    return f"node/{node.name}"


def _scheduler(world: World, app: App) -> str:
    control_plane = world.nodes[0]
    control_plane.units["kube-scheduler.service"] = world.dice.random() < 0.5
    for pod in roll_out(world, app, changed(app)):
        unlooked(pod)
    harm(world, app)
    return f"node/{control_plane.name}"


def _pressure(world: World, app: App) -> str:
    node = _struck(world, app)
    node.pressures["DiskPressure"] = ("KubeletHasDiskPressure", "kubelet has disk pressure")
    node.taints.append({"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"})
    words = "Attempting to reclaim ephemeral-storage"
    history.event(world, "Node", node.name, "EvictionThresholdMet", words, history.KUBELET, count=6)
    pod = app.pods[0]
    pod.phase, pod.reason, pod.containers = "Failed", "Evicted", []
    pod.message = (
        "The node was low on resource: ephemeral-storage. Threshold quantity: 2139512454, available: 1871240Ki. "
    )
    history.of_pod(world, pod, "Evicted", pod.message)
    harm(world, app)
    return f"node/{node.name}"


def _crowd(world: World, app: App) -> tuple[Node, list[App]]:
    """A node with at least three apps that do not call one another, as far as the system allows."""
    node = _struck(world, app)
    own_apps = [item for item in world.apps.values() if not item.component.server]
    for other in own_apps[-3:]:
        for pod in other.pods:
            pod.node = node.name
    elsewhere = [name for name in world.system.workers if name != node.name]
    for other in own_apps[:-3]:
        for index, pod in enumerate(other.pods):
            pod.node = elsewhere[index % len(elsewhere)]
    return node, own_apps[-3:]


def _node_delay(world: World, app: App) -> str:
    node, there = _crowd(world, app)
    for item in there:
        slow(world, item, 0.2)
    return f"node/{node.name}"


def _node_loss(world: World, app: App) -> str:
    node, there = _crowd(world, app)
    world.telemetry.shift(node.name, "node_retransmits", added=60)
    for item in there:
        slow(world, item, world.dice.uniform(0.1, 0.4))
        world.telemetry.shift(item.name, "success_ratio", factor=0.93)
    return f"node/{node.name}"


def slow(world: World, app: App, seconds: float) -> None:
    """The app is slower by `seconds`, and everybody above it by as much and a little more."""
    world.telemetry.shift(app.name, "latency_p50", added=seconds)
    seen, waiting = {app.name}, [app.name]
    while waiting:
        for component in world.system.callers(waiting.pop()):
            if component.name not in seen:
                seen.add(component.name)
                waiting.append(component.name)
                world.telemetry.shift(component.name, "latency_p50", added=seconds * 1.05)


FAULTS = (
    Fault("kubelet_unavailable", _kubelet, own),
    Fault("containerd_unavailable", _containerd, own),
    Fault("kube_proxy_unavailable", _kube_proxy, own),
    Fault("kube_scheduler_unavailable", _scheduler, own),
    Fault("node_pressure", _pressure, own),
    Fault("node_network_delay", _node_delay, own),
    Fault("node_network_packet_loss", _node_loss, own),
)
