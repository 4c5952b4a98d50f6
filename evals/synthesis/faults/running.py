"""Containers and workloads that run, or did, and fail: memory, replicas, disks, certificates, limits, jobs, clocks."""

from agent.cluster.quantities import quantity
from evals.synthesis import history
from evals.synthesis.api import api_object, stamp
from evals.synthesis.faults.fault import Fault, app_of, called, calling, crashes, ended, harm, own, replaced
from evals.synthesis.logs import say
from evals.synthesis.shapes import App
from evals.synthesis.wording import worded
from evals.synthesis.world import World, changed, roll_out
from tools.documents import JsonObject


def _oom(world: World, app: App) -> str:
    template = changed(app)
    template.main.limits["memory"] = template.main.requests["memory"] = world.dice.choice(("48Mi", "40Mi", "32Mi"))
    for pod in replaced(world, app, template, rolling=False):
        crashes(world, pod, 137, "OOMKilled", lived=9)
    harm(world, app)
    return app_of(app)


def _crash_loop(world: World, app: App) -> str:
    """The application ends for a reason of its own."""
    words = worded("own_mistake", app.component.language)
    for pod in app.pods:
        crashes(world, pod, 2, lived=20)
        say(world, pod, words, previous=True)
    harm(world, app)
    return app_of(app)


def _zero(world: World, app: App) -> str:
    message = f"Scaled down replica set {app.name}-{app.revisions[-1].hash} from {app.replicas} to 0"
    history.event(
        world,
        "Deployment",
        app.name,
        "ScalingReplicaSet",
        message,
        "deployment-controller",
        at=world.onset,
        normal=True,
    )
    app.replicas, app.pods, app.revisions[-1].desired = 0, [], 0
    harm(world, app)
    return app_of(app)


def _disk(world: World, app: App) -> str:
    """The volume is full; the process says so and fails its requests."""
    words = worded("disk_full", app.component.language)
    for pod in app.pods:
        say(world, pod, words)
    world.telemetry.shift(app.name, "success_ratio", factor=0.3)
    return app_of(app)


def _certificate(world: World, app: App) -> str:
    """What the app serves with has expired: its callers refuse it."""
    expired = stamp(world.ago(5400))
    for component in world.system.callers(app.name):
        fields = {"host": app.name, "now": stamp(world.now), "expired": expired}
        words = worded("certificate_expired", component.language, **fields)
        say(world, world.apps[component.name].pods[0], words)
        world.telemetry.shift(component.name, "success_ratio", factor=0.4)
    status = {
        "conditions": [
            {"type": "Ready", "status": "False", "reason": "Expired", "message": f"Certificate expired on {expired}"}
        ]
    }
    spec = {"secretName": f"{app.name}-tls", "dnsNames": [app.name]}
    world.others.append(
        api_object(
            "cert-manager.io/v1", "Certificate", world, app.name, spec=spec, status={**status, "notAfter": expired}
        )
    )
    return f"certificate/{app.name}"


def _rate_limited(world: World, app: App) -> str:
    """The app asks a supplier outside more often than its contract allows."""
    words = worded("rate_limited", app.component.language)
    say(world, app.pods[0], words)
    world.telemetry.shift(app.name, "success_ratio", factor=0.5)
    return app_of(app)


def _job(world: World, app: App) -> str:
    """A nightly job of the app's that waits for a lock for hours, while its schedule forbids a second one."""
    name = f"{app.name}-nightly"
    began = stamp(world.ago(9 * 3600))
    spec: JsonObject = {"schedule": "0 * * * *", "concurrencyPolicy": "Forbid"}
    run = f"{name}-28961{world.dice.randint(100, 999)}"
    active = [{"kind": "Job", "name": run, "namespace": world.system.namespace}]
    world.others.append(
        api_object("batch/v1", "CronJob", world, name, spec=spec, status={"lastScheduleTime": began, "active": active})
    )
    job = api_object(
        "batch/v1",
        "Job",
        world,
        run,
        spec={"completions": 1, "backoffLimit": 6},
        status={"active": 1, "ready": 1, "startTime": began},
    )
    meta = job["metadata"]
    if isinstance(meta, dict):
        meta["ownerReferences"] = [
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": name,
                "uid": world.uid("CronJob", name),
                "controller": True,
            }
        ]
        meta["creationTimestamp"] = began
    world.others.append(job)
    words = "Not starting job because prior execution is running and concurrency policy is Forbid"
    history.event(world, "CronJob", name, "JobAlreadyActive", words, "cronjob-controller", count=8)
    return f"job/{run}"


def _clock(world: World, app: App) -> str:
    """The app's node is minutes behind, so that fresh tokens are not yet valid there."""
    say(world, app.pods[0], worded("token_from_the_future", app.component.language))
    world.telemetry.shift(app.name, "success_ratio", factor=0.2)
    return app_of(app)


def _leak(world: World, app: App) -> str:
    """Memory grows without end: it was killed at its limit before, and is on its way there again."""
    for pod in app.pods:
        state = pod.main
        state.restarts, state.running = world.dice.randint(3, 9), world.ago(2390)
        state.last = ended(world, 137, "OOMKilled", lived=5400, ago=2400)
    limit = quantity(app.template.main.limits["memory"]) or 0.0
    world.telemetry.shift(app.name, "memory_usage", slope=0.06 * limit)
    return app_of(app)


def _release(world: World, app: App) -> str:
    """A new version that answers every third request with an error."""
    template = changed(app)
    template.main.image = template.main.image.rpartition(":")[0] + ":9.0.0"
    roll_out(world, app, template)
    for pod in app.pods:
        history.started(world, pod)
        say(world, pod, worded("failing_request", app.component.language))
    history.scaled(world, app, app.replicas, world.onset)
    world.telemetry.shift(app.name, "success_ratio", factor=0.6)
    for component in world.system.callers(app.name):
        world.telemetry.shift(component.name, "success_ratio", factor=0.85)
    return app_of(app)


def _configuration(world: World, app: App) -> str:
    """A changed variable that makes every request slow and some fail."""
    template = changed(app)
    template.main.env["UPSTREAM_TIMEOUT_MS"] = "5"
    roll_out(world, app, template)
    for pod in app.pods:
        history.started(world, pod)
    history.scaled(world, app, app.replicas, world.onset)
    world.telemetry.shift(app.name, "success_ratio", factor=0.5)
    return app_of(app)


FAULTS = (
    Fault("oom_killed", _oom, own),
    Fault("crash_loop", _crash_loop, own),
    Fault("deployment_zero_replicas", _zero, called),
    Fault("disk_full", _disk, own),
    Fault("certificate_expired", _certificate, called),
    Fault("rate_limited", _rate_limited, own),
    Fault("job_deadlocked", _job, own),
    Fault("clock_skew", _clock, called),
    Fault("memory_leak", _leak, own),
    Fault("bad_release", _release, called),
    Fault("bad_configuration_change", _configuration, calling),
)
