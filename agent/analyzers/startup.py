"""Containers that never start: missing references, commands, permissions, init containers."""

import re
from collections.abc import Iterator

from agent.analyzers.journal import Line, Phrases, application_logs, last_line
from agent.analyzers.suspicion import LIKELY, POSSIBLE, PROVEN, STRONG, Suspicion
from agent.cluster.index import names
from agent.cluster.pods import Container, ContainerStatus, Pod
from agent.looks import Sighting, states
from agent.situation import Ailing, Situation, reference

SECRET_WORDS = re.compile(r'secrets? "([^"]+)" not found|couldn\'t find key \S+ in Secret', re.IGNORECASE)
CONFIG_MAP_WORDS = re.compile(r'configmaps? "([^"]+)" not found|couldn\'t find key \S+ in ConfigMap', re.IGNORECASE)
COMMAND_WORDS = re.compile(
    r"executable file not found|exec format error|no such file or directory: unknown", re.IGNORECASE
)
DENIED_WORDS = Phrases("permission denied", "read-only file system", "operation not permitted", "EACCES")
COMMAND_REASONS = frozenset({"RunContainerError", "CreateContainerError", "StartError", "ContainerCannotRun"})
FAILED = frozenset({"Error", "CrashLoopBackOff", "StartError", "ContainerCannotRun", "RunContainerError"})


def missing_references(situation: Situation) -> Iterator[Suspicion]:
    """Secrets and ConfigMaps that pods of ailing workloads need and that do not exist."""
    for ailing in situation.ailing:
        found = [item for pod in ailing.sick for item in _missing(situation, ailing, pod)]
        yield from found[:1]


def _missing(situation: Situation, ailing: Ailing, pod: Pod) -> Iterator[Suspicion]:
    said = _complaint(situation, pod)
    for cause, words, kind, wanted in (
        ("missing_secret_binding", SECRET_WORDS, "Secret", _secrets(pod)),
        ("missing_config_map", CONFIG_MAP_WORDS, "ConfigMap", _config_maps(pod)),
    ):
        objects = situation.cluster.secrets if kind == "Secret" else situation.cluster.config_maps
        readable = kind in situation.cluster.kinds
        lacking = [name for name in wanted if readable and name not in names(objects, pod.namespace)]
        if said and words.search(str(said.value)):
            yield Suspicion(
                cause, reference(ailing.workload), PROVEN, (states(f"{pod} cannot start: {said.value}", said),)
            )
        elif lacking and _stuck(pod):
            seen = situation.objects.sees(f"{pod} {kind}", lacking[0])
            text = f"{pod} refers to {kind} {lacking[0]}, which does not exist"
            yield Suspicion(cause, reference(ailing.workload), STRONG, (states(text, seen),))


def _complaint(situation: Situation, pod: Pod) -> Sighting | None:
    """What the kubelet says it cannot find."""
    for status in pod.statuses:
        waiting = status.state.waiting
        if waiting and waiting.reason == "CreateContainerConfigError":
            return situation.objects.sees(f"{pod} {status.name} waiting", waiting.message or waiting.reason)
    events = [event for event in situation.cluster.events_of(pod) if event.reason == "FailedMount"]
    return situation.events.sees(f"{pod} FailedMount", events[-1].message) if events and _stuck(pod) else None


def _stuck(pod: Pod) -> bool:
    reasons = {status.state.waiting.reason for status in pod.statuses if status.state.waiting}
    return bool(pod.spec.node_name) and bool(
        reasons & {"ContainerCreating", "CreateContainerConfigError", "PodInitializing"}
    )


def _secrets(pod: Pod) -> Iterator[str]:
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        yield from (s.secret_ref.name for s in container.env_from if s.secret_ref and not s.secret_ref.optional)
        for variable in container.env:
            key = variable.value_from.secret_key_ref if variable.value_from else None
            if key and not key.optional:
                yield key.name
    yield from (
        volume.secret.secret_name for volume in pod.spec.volumes if volume.secret and not volume.secret.optional
    )


def _config_maps(pod: Pod) -> Iterator[str]:
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        yield from (
            s.config_map_ref.name for s in container.env_from if s.config_map_ref and not s.config_map_ref.optional
        )
        for variable in container.env:
            key = variable.value_from.config_map_key_ref if variable.value_from else None
            if key and not key.optional:
                yield key.name
    yield from (v.config_map.name for v in pod.spec.volumes if v.config_map and not v.config_map.optional)


def unstartable(situation: Situation) -> Iterator[Suspicion]:
    """Commands that do not exist, volumes that may not be written, init containers that fail."""
    for ailing in situation.ailing:
        for pod in ailing.sick:
            found = (
                _wrong_command(situation, ailing, pod)
                or _denied(situation, ailing, pod)
                or _init(situation, ailing, pod)
            )
            if found:
                yield found
                break


def _wrong_command(situation: Situation, ailing: Ailing, pod: Pod) -> Suspicion | None:
    for status in pod.statuses:
        said = _last_words(status)
        if said and COMMAND_WORDS.search(said) and not DENIED_WORDS.match(said):
            seen = situation.objects.sees(f"{pod} {status.name} message", said)
            return Suspicion(
                "container_command_not_found",
                reference(ailing.workload),
                STRONG,
                (states(f"{status.name} cannot start: {seen.value}", seen),),
            )
    return None


def _last_words(status: ContainerStatus) -> str:
    waiting, ended = status.state.waiting, status.last_exit
    if waiting and waiting.reason in COMMAND_REASONS:
        return waiting.message or (ended.message if ended else "")
    return ended.message if ended and ended.reason in COMMAND_REASONS else ""


def _denied(situation: Situation, ailing: Ailing, pod: Pod) -> Suspicion | None:
    """A crashing container that mounts a volume and complains of permissions."""
    crashing = {status.name for status in pod.status.container_statuses if status.last_exit and not status.ready}
    mounting = {item.name for item in pod.spec.containers if _mounts_data(item)}
    if not crashing & mounting:
        return None
    logs = [(key, log) for key, log in application_logs(situation, [pod]) if key.container in crashing & mounting]
    line: Line | None = last_line(situation, logs, DENIED_WORDS)
    if line is None:
        return None if logs else _hidden_denial(situation, ailing, pod, crashing)
    mount = next(
        m for c in pod.spec.containers if c.name == line.key.container for m in c.volume_mounts if _data(m.mount_path)
    )
    path = situation.objects.sees(f"{pod} {line.key.container} mountPath", mount.mount_path)
    return Suspicion(
        "volume_mount_permission_denied",
        reference(ailing.workload),
        STRONG,
        (
            states(f"{line.key.container} exits after: {line.sighting.value}", line.sighting),
            states(f"{line.key.container} mounts a volume at {path.value}", path),
        ),
    )


def _hidden_denial(situation: Situation, ailing: Ailing, pod: Pod, crashing: set[str]) -> Suspicion | None:
    """Without logs: a crash on a directory of the node, whose owner no `fsGroup` changes."""
    paths = {volume.name: volume.host_path.path for volume in pod.spec.volumes if volume.host_path}
    mounted = [m.name for c in pod.spec.containers if c.name in crashing for m in c.volume_mounts if m.name in paths]
    if not mounted:
        return None
    path = situation.objects.sees(f"{pod} hostPath", paths[mounted[0]])
    text = f"{pod} crashes and mounts the node's own {path.value}, whose permissions Kubernetes leaves alone"
    return Suspicion("volume_mount_permission_denied", reference(ailing.workload), POSSIBLE, (states(text, path),))


def _mounts_data(container: Container) -> bool:
    return any(_data(mount.mount_path) for mount in container.volume_mounts)


def _data(path: str) -> bool:
    """Whether a mount is the workload's own; the API token is in every pod."""
    return not path.startswith("/var/run/secrets/")


def _init(situation: Situation, ailing: Ailing, pod: Pod) -> Suspicion | None:
    for status in pod.status.init_container_statuses:
        reason = status.state.waiting.reason if status.state.waiting else ""
        ended = status.last_exit
        if ended and ended.exit_code and (reason in FAILED or status.state.terminated):
            seen = situation.objects.sees(f"{pod} {status.name} exit code", float(ended.exit_code))
            return Suspicion(
                "init_container_failure",
                reference(ailing.workload),
                LIKELY,
                (states(f"init container {status.name} of {pod} exits with {ended.exit_code}", seen),),
            )
    return None
