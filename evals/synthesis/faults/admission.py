"""The API server refuses to create pods, Services or claims."""

from evals.synthesis import history
from evals.synthesis.api import api_object
from evals.synthesis.faults.fault import Fault, app_of, called, harm, own, stateful
from evals.synthesis.shapes import App
from evals.synthesis.wording import worded
from evals.synthesis.world import World, changed, roll_out

QUOTA = "team-budget"


def _refused(world: World, app: App, why: str, *, webhook: bool = False) -> None:
    """The controller cannot create the app's pods."""
    roll_out(world, app, changed(app))
    app.pods = []
    name = f"{app.name}-{app.revisions[-1].hash}"
    pod = f"{name}-{world.suffix()}"
    app.refusal = why if webhook else f'pods "{pod}" is forbidden: {why}'
    kind, owner = ("ReplicaSet", name) if app.kind == "Deployment" else ("StatefulSet", app.name)
    controller = "replicaset-controller" if app.kind == "Deployment" else "statefulset-controller"
    history.event(world, kind, owner, "FailedCreate", f"Error creating: {app.refusal}", controller, count=7)
    harm(world, app)


def _missing_service_account(world: World, app: App) -> str:
    world.accounts.discard(app.template.service_account)
    account = app.template.service_account
    where = f"{world.system.namespace}/{account}"
    _refused(world, app, f'error looking up service account {where}: serviceaccount "{account}" not found')
    return app_of(app)


def _quota(world: World, hard: dict[str, str], used: dict[str, str]) -> None:
    status = {"hard": hard, "used": used}
    world.others.append(api_object("v1", "ResourceQuota", world, QUOTA, spec={"hard": hard}, status=status))


def _exceeded(resource: str, need: str, used: str, hard: str) -> str:
    return f"exceeded quota: {QUOTA}, requested: {resource}={need}, used: {resource}={used}, limited: {resource}={hard}"


def _cpu_quota(world: World, app: App) -> str:
    _quota(world, {"requests.cpu": "800m"}, {"requests.cpu": "750m"})
    _refused(world, app, _exceeded("requests.cpu", "100m", "750m", "800m"))
    return f"namespace/{world.system.namespace}"


def _memory_quota(world: World, app: App) -> str:
    need = app.template.main.limits["memory"]
    _quota(world, {"limits.memory": "2Gi"}, {"limits.memory": "2000Mi"})
    _refused(world, app, _exceeded("limits.memory", need, "2000Mi", "2Gi"))
    return f"namespace/{world.system.namespace}"


def _pod_quota(world: World, app: App) -> str:
    count = str(sum(len(item.pods) for item in world.apps.values() if item is not app))
    _quota(world, {"pods": count}, {"pods": count})
    _refused(world, app, _exceeded("pods", "1", count, count))
    return f"namespace/{world.system.namespace}"


def _service_quota(world: World, app: App) -> str:
    app.fronts = []
    count = str(sum(len(item.fronts) for item in world.apps.values()))
    _quota(world, {"services": count}, {"services": count})
    for component in world.system.callers(app.name):
        world.telemetry.shift(component.name, "success_ratio", factor=0.5)
    return f"namespace/{world.system.namespace}"


def _storage_quota(world: World, app: App) -> str:
    name = f"data-{app.name}-0"
    world.claims = [claim for claim in world.claims if claim.name != name]
    _quota(world, {"requests.storage": "10Gi"}, {"requests.storage": "8Gi"})
    why = _exceeded("requests.storage", "8Gi", "8Gi", "10Gi")
    history.event(
        world,
        "StatefulSet",
        app.name,
        "FailedCreate",
        worded("claim_forbidden", "statefulset-controller", claim=name, name=app.name, why=why),
        "statefulset-controller",
        count=6,
    )
    app.pods = []
    harm(world, app)
    return f"namespace/{world.system.namespace}"


def _pod_security(world: World, app: App) -> str:
    why = (
        'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container '
        f'"{app.template.main.name}" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true'
    )
    _refused(world, app, why)
    return app_of(app)


def _webhook(world: World, app: App) -> str:
    _refused(world, app, worded("webhook_failed", "apiserver"), webhook=True)
    return app_of(app)


FAULTS = (
    Fault("missing_service_account", _missing_service_account, own),
    Fault("namespace_cpu_quota_exceeded", _cpu_quota, own),
    Fault("namespace_memory_quota_exceeded", _memory_quota, own),
    Fault("namespace_pod_quota_exceeded", _pod_quota, own),
    Fault("namespace_service_quota_exceeded", _service_quota, called),
    Fault("namespace_storage_quota_exceeded", _storage_quota, stateful),
    Fault("pod_security_violation", _pod_security, own),
    Fault("mutating_webhook_failure", _webhook, own),
)
