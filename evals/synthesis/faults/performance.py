"""Slowness: too little CPU, a slow network, a slow supplier, an autoscaler that cannot decide."""

from evals.synthesis import history
from evals.synthesis.api import api_object
from evals.synthesis.faults.fault import Fault, app_of, called
from evals.synthesis.faults.infrastructure import slow
from evals.synthesis.shapes import App
from evals.synthesis.world import World


def _cpu(world: World, app: App) -> str:
    telemetry = world.telemetry
    telemetry.shift(app.name, "cpu_usage", factor=world.dice.uniform(4, 8))
    telemetry.shift(app.name, "cpu_throttling", added=world.dice.uniform(0.5, 0.9))
    slow(world, app, world.dice.uniform(0.15, 0.6))
    return app_of(app)


def _delay(world: World, app: App) -> str:
    """Packets of the pod are held up: slow, and less busy than before."""
    slow(world, app, world.dice.choice((0.15, 0.3, 0.8)))
    world.telemetry.shift(app.name, "cpu_usage", factor=0.6)
    world.telemetry.shift(app.name, "request_rate", factor=0.6)
    return app_of(app)


def _flapping(world: World, app: App) -> str:
    """An autoscaler that goes up and down every minute."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": app.name}
    spec = {"minReplicas": 1, "maxReplicas": 8, "scaleTargetRef": target}
    status = {"currentReplicas": 5, "desiredReplicas": 2}
    world.others.append(
        api_object("autoscaling/v2", "HorizontalPodAutoscaler", world, app.name, spec=spec, status=status)
    )
    for turn in range(8):
        up = turn % 2 == 0
        reason = "cpu resource utilization (percentage of request) above target" if up else "All metrics below target"
        words = f"New size: {6 if up else 2}; reason: {reason}"
        at = world.ago(700 - 85 * turn)
        history.event(
            world,
            "HorizontalPodAutoscaler",
            app.name,
            "SuccessfulRescale",
            words,
            "horizontal-pod-autoscaler",
            at=at,
            normal=True,
        )
        verb = "up" if up else "down"
        scaled = (
            f"Scaled {verb} replica set {app.name}-{app.revisions[-1].hash} from {2 if up else 6} to {6 if up else 2}"
        )
        history.event(
            world, "Deployment", app.name, "ScalingReplicaSet", scaled, "deployment-controller", at=at, normal=True
        )
    world.telemetry.shift(app.name, "success_ratio", factor=0.95)
    return app_of(app)


FAULTS = (
    Fault("pod_cpu_overload", _cpu, called),
    Fault("pod_network_delay", _delay, called),
    Fault("hpa_flapping", _flapping, called),
)
