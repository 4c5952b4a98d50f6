"""Pods that no node takes, and claims that no volume satisfies."""

from evals.synthesis import history
from evals.synthesis.faults.fault import Fault, app_of, harm, own, replaced, restarted, stateful, unplaced
from evals.synthesis.shapes import App, Claim, Node, Pod, Volume
from evals.synthesis.wording import worded
from evals.synthesis.world import CONTROL_PLANE, World, changed
from tools.documents import JsonObject

AFFINITY = "node(s) didn't match Pod's node affinity/selector"
CORDONED = "node(s) were unschedulable"


def verdict(world: World, why: str, *, preemptible: bool = False) -> str:
    """The scheduler's words when all workers have the same against a pod."""
    total, workers = len(world.nodes), len(world.nodes) - 1
    reasons = sorted(_counted([_control_plane(world)] + [why] * workers))
    head = f"0/{total} nodes are available: {', '.join(reasons)}."
    helpless = total - workers if preemptible else total
    tail = f"{helpless} Preemption is not helpful for scheduling"
    if preemptible:
        tail += f", {workers} No preemption victims found for incoming pod"
    between = " no new claims to deallocate," if world.system.modern else ""
    return f"{head}{between} preemption: 0/{total} nodes are available: {tail}."


def _counted(reasons: list[str]) -> list[str]:
    return [f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons)]


def _control_plane(world: World) -> str:
    return CORDONED if world.system.cordoned_control_plane else tainted(world, f"{CONTROL_PLANE}: ")


def tainted(world: World, taint: str) -> str:
    """The obstacle of a taint; version 1.34 no longer names it."""
    return "node(s) had untolerated taint(s)" if world.system.modern else f"node(s) had untolerated taint {{{taint}}}"


def _rejected(world: World, app: App, pods: list[Pod], words: str) -> str:
    for pod in pods:
        unplaced(pod)
        pod.unschedulable = words
        history.event(world, "Pod", pod.name, "FailedScheduling", words, history.SCHEDULER, count=4)
    harm(world, app)
    return app_of(app)


def _cpu(world: World, app: App) -> str:
    template = changed(app)
    template.main.requests["cpu"] = template.main.limits["cpu"] = world.dice.choice(("6", "12", "5500m"))
    return _rejected(world, app, replaced(world, app, template), verdict(world, "Insufficient cpu", preemptible=True))


def _memory(world: World, app: App) -> str:
    template = changed(app)
    template.main.requests["memory"] = template.main.limits["memory"] = world.dice.choice(("24Gi", "16Gi", "64Gi"))
    return _rejected(
        world, app, replaced(world, app, template), verdict(world, "Insufficient memory", preemptible=True)
    )


def _node_affinity(world: World, app: App) -> str:
    template = changed(app)
    term: JsonObject = {
        "matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["zone-x"]}]
    }
    required: JsonObject = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    template.extra["affinity"] = {"nodeAffinity": required}
    return _rejected(world, app, replaced(world, app, template), verdict(world, AFFINITY))


def _node_selector(world: World, app: App) -> str:
    template = changed(app)
    template.extra["nodeSelector"] = world.dice.choice(({"disktype": "nvme"}, {"pool": "batch", "gen": "4"}))
    return _rejected(world, app, replaced(world, app, template), verdict(world, AFFINITY))


def _anti_affinity(world: World, app: App) -> str:
    """The template forbids the app on any node that runs something of a label all pods now carry."""
    template = changed(app)
    for other in world.apps.values():
        other.template.labels["tier"] = "workload"
    template.labels["tier"] = "workload"
    term: JsonObject = {"labelSelector": {"matchLabels": {"tier": "workload"}}, "topologyKey": "kubernetes.io/hostname"}
    template.extra["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    for index, other in enumerate(item for item in world.apps.values() if item is not app):
        other.pods[0].node = world.system.workers[index % len(world.system.workers)]
    words = verdict(world, "node(s) didn't match pod anti-affinity rules", preemptible=True)
    return _rejected(world, app, replaced(world, app, template, rolling=False), words)


def _cordon(world: World, app: App) -> str:
    for node in _workers(world):
        node.cordoned = True
    return _rejected(world, app, restarted(world, app), verdict(world, CORDONED))


def _taint(world: World, app: App) -> str:
    for node in _workers(world):
        node.taints.append({"key": "dedicated", "value": "reports", "effect": "NoSchedule"})
    return _rejected(world, app, restarted(world, app), verdict(world, tainted(world, "dedicated: reports")))


def _workers(world: World) -> list[Node]:
    return [node for node in world.nodes if not node.control_plane]


def _unbound(world: World, app: App, claim: Claim, volume: Volume | None) -> str:
    """The app's claim, made anew, waits for a volume."""
    world.claims = [item for item in world.claims if item.name != claim.name] + [claim]
    world.volumes = [item for item in world.volumes if not item.claim.endswith(f"/{claim.name}")]
    world.volumes += [volume] if volume else []
    full = worded("unbound_claims", "scheduler", total=len(world.nodes))
    return _rejected(world, app, restarted(world, app), full)


def _unsatisfied(world: World, claim: Claim, message: str, reason: str = "FailedBinding") -> None:
    source = "persistentvolume-controller"
    history.event(
        world, "PersistentVolumeClaim", claim.name, reason, message, source, count=12, normal=reason == "FailedBinding"
    )


NO_VOLUME = "no persistent volumes available for this claim and no storage class is set"


def _name(app: App) -> str:
    return f"data-{app.name}-0"


def _occupied(world: World, app: App) -> str:
    claim = Claim(_name(app), "8Gi", "manual")
    _unsatisfied(world, claim, NO_VOLUME)
    return _unbound(world, app, claim, Volume(f"disk-{app.name}", "10Gi", "manual", claim="archive/old-backups"))


def _access_mode(world: World, app: App) -> str:
    claim = Claim(_name(app), "8Gi", "manual", modes=["ReadWriteMany"])
    _unsatisfied(world, claim, NO_VOLUME)
    return _unbound(world, app, claim, Volume(f"disk-{app.name}", "10Gi", "manual"))


def _capacity(world: World, app: App) -> str:
    claim = Claim(_name(app), "40Gi", "manual")
    _unsatisfied(world, claim, NO_VOLUME)
    return _unbound(world, app, claim, Volume(f"disk-{app.name}", "10Gi", "manual"))


def _selector(world: World, app: App) -> str:
    claim = Claim(_name(app), "8Gi", "manual", selector={"usage": "ledger"})
    _unsatisfied(world, claim, NO_VOLUME)
    return _unbound(world, app, claim, Volume(f"disk-{app.name}", "10Gi", "manual", labels={"usage": "media"}))


def _storage_class(world: World, app: App) -> str:
    claim = Claim(_name(app), "8Gi", world.dice.choice(("fast-ssd", "premium", "standard-rwo")))
    _unsatisfied(world, claim, f'storageclass.storage.k8s.io "{claim.storage_class}" not found', "ProvisioningFailed")
    return _unbound(world, app, claim, Volume(f"disk-{app.name}", "10Gi", "manual"))


FAULTS = (
    Fault("cpu_capacity_mismatch", _cpu, own),
    Fault("memory_capacity_mismatch", _memory, own),
    Fault("node_affinity_mismatch", _node_affinity, own),
    Fault("node_selector_mismatch", _node_selector, own),
    Fault("pod_anti_affinity_conflict", _anti_affinity, own),
    Fault("node_cordon_mismatch", _cordon, own),
    Fault("taint_toleration_mismatch", _taint, own),
    Fault("pv_binding_occupied", _occupied, stateful),
    Fault("pvc_access_mode_mismatch", _access_mode, stateful),
    Fault("pvc_capacity_mismatch", _capacity, stateful),
    Fault("pvc_selector_mismatch", _selector, stateful),
    Fault("pvc_storage_class_mismatch", _storage_class, stateful),
)
