"""Containers that never start: images, secrets, commands, volumes."""

from evals.synthesis import history
from evals.synthesis.faults.fault import Fault, app_of, crashes, creating, ended, harm, own, replaced, waits
from evals.synthesis.logs import say
from evals.synthesis.shapes import App, Container, ContainerState, Pod
from evals.synthesis.wording import worded
from evals.synthesis.world import World, changed


def _unpullable(world: World, app: App, image: str, why: str) -> str:
    template = changed(app)
    template.main.image = image
    for pod in replaced(world, app, template):
        waits(
            pod, "ImagePullBackOff", f'Back-off pulling image "{image}"' + (f": {why}" if world.system.modern else "")
        )
        history.of_pod(world, pod, "Pulling", f'Pulling image "{image}"', count=4, normal=True)
        history.of_pod(world, pod, "Failed", f'Failed to pull image "{image}": {why}', count=4)
        history.of_pod(world, pod, "Failed", "Error: ErrImagePull", count=4)
        history.of_pod(world, pod, "BackOff", f'Back-off pulling image "{image}"', count=11)
        history.of_pod(world, pod, "Failed", "Error: ImagePullBackOff", count=11)
    harm(world, app)
    return app_of(app)


def _no_such_image(world: World, app: App) -> str:
    image = app.template.main.image.rpartition(":")[0] + world.dice.choice((":9.99.9", ":lates", ":v2-rc.1x"))
    return _unpullable(world, app, image, worded("image_not_found", "containerd", image=image))


def _registry_unknown(world: World, app: App) -> str:
    image = f"registry.{world.system.name}.invalid/{app.name}:1.0"
    host = image.partition("/")[0]
    why = worded("registry_unknown", "containerd", image=image, host=host, name=app.name)
    return _unpullable(world, app, image, why)


def _no_pull_secret(world: World, app: App) -> str:
    image = f"ghcr.io/{world.system.name}-private/{app.name}:1.4"
    why = worded("pull_unauthorized", "containerd", image=image, name=app.name)
    return _unpullable(world, app, image, why)


def _missing_secret(world: World, app: App) -> str:
    name = f"{app.name}-{world.dice.choice(('credentials', 'tls', 'api-key'))}"
    template = changed(app)
    mounted = world.dice.random() < 0.5
    if mounted:
        template.volumes.append({"name": "creds", "secret": {"secretName": name}})
        template.main.mounts["creds"] = "/etc/creds"
    else:
        template.main.env_from.append(name)
    for pod in replaced(world, app, template):
        _lacks(world, pod, "secret", name, mounted=mounted)
    harm(world, app)
    return app_of(app)


def _missing_config_map(world: World, app: App) -> str:
    name = f"{app.name}-settings"
    template = changed(app)
    template.main.map_from.append(name)
    for pod in replaced(world, app, template):
        _lacks(world, pod, "configmap", name, mounted=False)
    harm(world, app)
    return app_of(app)


def _lacks(world: World, pod: Pod, kind: str, name: str, *, mounted: bool) -> None:
    if mounted:
        creating(pod)
        words = f'MountVolume.SetUp failed for volume "creds" : {kind} "{name}" not found'
        history.of_pod(world, pod, "FailedMount", words, count=8)
    else:
        waits(pod, "CreateContainerConfigError", f'{kind} "{name}" not found')
        history.of_pod(world, pod, "Failed", f'Error: {kind} "{name}" not found', count=10)


def _command(world: World, app: App) -> str:
    template = changed(app)
    path = f"/opt/{app.name}/bin/serve"
    template.main.command = [path]
    message = worded("command_missing", "runc-new" if world.system.modern else "runc-old", path=path)
    for pod in replaced(world, app, template):
        crashes(world, pod, 128, "StartError", lived=0, message=message)
        history.of_pod(world, pod, "Failed", f"Error: {message}", count=5)
    harm(world, app)
    return app_of(app)


def _denied(world: World, app: App) -> str:
    """The volume belongs to root, the process runs as somebody else."""
    template = changed(app)
    path = f"/var/lib/{app.name}"
    template.volumes.append({"name": "spool", "hostPath": {"path": f"/srv/{app.name}", "type": "DirectoryOrCreate"}})
    template.main.mounts["spool"] = path
    template.extra["securityContext"] = {"runAsUser": 10001, "runAsNonRoot": True}
    words = worded("denied", app.component.language, path=path)
    for pod in replaced(world, app, template):
        crashes(world, pod, 1)
        say(world, pod, words, previous=True)
    harm(world, app)
    return app_of(app)


def _init(world: World, app: App) -> str:
    template = changed(app)
    template.init.append(Container("migrate", f"{world.system.registry}/migrate:3", command=["/migrate", "up"]))
    for pod in replaced(world, app, template):
        pod.phase = "Pending"
        state = ContainerState("migrate", ready=False, restarts=4, last=ended(world, 1, "Error"))
        state.waiting = ("CrashLoopBackOff", history.back_off(world, pod, container="migrate"))
        pod.init = [state]
        for main in pod.containers:
            main.running, main.waiting, main.ready = None, ("PodInitializing", ""), False
        say(world, pod, "schema version 41 is dirty, fix and force version", previous=True, container="migrate")
    harm(world, app)
    return app_of(app)


FAULTS = (
    Fault("incorrect_image_reference", _no_such_image, own),
    Fault("image_registry_dns_failure", _registry_unknown, own),
    Fault("missing_image_pull_secret", _no_pull_secret, own),
    Fault("missing_secret_binding", _missing_secret, own),
    Fault("missing_config_map", _missing_config_map, own),
    Fault("container_command_not_found", _command, own),
    Fault("volume_mount_permission_denied", _denied, own),
    Fault("init_container_failure", _init, own),
)
