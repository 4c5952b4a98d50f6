"""The programs in a real cluster's pods: what the pods' status says of them, and the environment they started with."""

from collections.abc import Callable, Iterator
from datetime import datetime

from lab.shop.clock import Clock
from lab.shop.cluster.environment import ContainerConfigError, resolved_environment
from lab.shop.cluster.images import Build
from lab.shop.cluster.kinds import POD
from lab.shop.cluster.objects import Manifest, StoredObject, items, number, parse_timestamp, section, text
from lab.shop.cluster.ports import Objects
from lab.shop.cluster.processes import Process, Running, RunningPod, State, Terminated, Waiting
from lab.shop.cluster.views import PodSpec
from lab.shop.logs import log_line
from lab.shop.topology import BY_NAME


class PodPrograms:
    """Follows the pods of a mirror; each container is a process of the shop while its pod exists.

    A program reads its environment once, when its container starts: a ConfigMap that changes later is news to the
    next start only. `program_of` is the registry: image reference to program.
    """

    def __init__(self, objects: Objects, program_of: Callable[[str], Build | None], clock: Clock):
        self._objects = objects
        self._program_of = program_of
        self._clock = clock
        self._pods: dict[str, RunningPod] = {}
        self._by_ip: dict[str, RunningPod] = {}
        self._seen: dict[str, str] = {}
        self._version = -1

    def step(self) -> None:
        """Catch up with the pods."""
        if self._version == self._objects.version:
            return
        self._version = self._objects.version
        alive = {stored.uid: stored for stored in self._objects.objects(POD)}
        for uid in self._pods.keys() - alive.keys():
            self._forget(uid)
        for uid, stored in alive.items():
            if self._seen.get(uid) != stored.resource_version:
                self._seen[uid] = stored.resource_version
                self._follow(stored)

    def pods(self) -> list[RunningPod]:
        """The pods that have a node, in the order they got one."""
        return list(self._pods.values())

    def processes(self) -> Iterator[Process]:
        """The containers of all pods."""
        for pod in self._pods.values():
            yield from pod.processes

    def process(self, namespace: str, pod: str, container: str) -> Process | None:
        """The container of that name."""
        found = (process for process in self.processes() if (process.namespace, process.pod) == (namespace, pod))
        return next((process for process in found if process.container.name == container), None)

    def listening(self, ip: str, port: int) -> Process | None:
        """The program that accepts connections there, None when nothing does."""
        pod = self._by_ip.get(ip)
        return next((process for process in pod.processes if process.listens(port)), None) if pod else None

    def _forget(self, uid: str) -> None:
        pod = self._pods.pop(uid)
        self._seen.pop(uid, None)
        if self._by_ip.get(pod.ip) is pod:
            del self._by_ip[pod.ip]

    def _follow(self, stored: StoredObject) -> None:
        if not text(stored.spec, "nodeName"):
            return
        pod = self._pods.get(stored.uid) or self._admit(stored)
        if pod is None:
            return
        pod.ip = text(stored.status, "podIP")
        if pod.ip:
            self._by_ip[pod.ip] = pod
        statuses = {text(entry, "name"): entry for entry in items(stored.status, "containerStatuses")}
        for process in pod.processes:
            self._update(process, statuses.get(process.container.name, {}), deleting=stored.deleting)

    def _admit(self, stored: StoredObject) -> RunningPod | None:
        owner = stored.labels.get("app.kubernetes.io/name", "")
        if owner not in BY_NAME:
            return None
        pod = RunningPod(
            stored.uid, stored.name, stored.namespace, text(stored.spec, "nodeName"), "", self._clock.now()
        )
        creating = Waiting("ContainerCreating", self._clock.now())
        for container in stored.spec_as(PodSpec).containers:
            pod.processes.append(Process(stored.name, stored.namespace, owner, container, creating))
        self._pods[stored.uid] = pod
        return pod

    def _update(self, process: Process, status: Manifest, *, deleting: bool) -> None:
        state = _state(section(status, "state"), self._clock.now())
        ended = _state(section(status, "lastState"), self._clock.now())
        if isinstance(ended, Terminated):
            process.last_termination = ended
        started = isinstance(state, Running) and state != process.state
        process.state, process.restarts = state, number(status, "restartCount")
        if started:
            self._start(process)
        process.ready = status.get("ready") is True and process.running and process.build is not None and not deleting

    def _start(self, process: Process) -> None:
        """A new life: its log begins anew, and it reads its environment."""
        process.previous_log = tuple(process.log)
        process.log.clear()
        process.build = self._program_of(process.container.image)
        try:
            process.env = resolved_environment(process.container, process.namespace, self._objects)
        except ContainerConfigError as exc:
            # The mirror is behind: the kubelet has seen what it has not. Or the object went between the two looks.
            process.write(self._clock.now(), f"configuration read late: {exc}")
        if process.build:
            now, build = self._clock.now(), process.build
            line = log_line(build.log_format, now, "info", "listening", port=build.port, version=build.version)
            process.write(now, line)


def _state(reported: Manifest, now: datetime) -> State:
    """`v1.ContainerState` as a typed state; an empty one is a container that is being created."""
    running, ended, waiting = (section(reported, key) for key in ("running", "terminated", "waiting"))
    if "running" in reported:
        return Running(_moment(running, "startedAt", now))
    if "terminated" in reported:
        return Terminated(
            text(ended, "reason"),
            number(ended, "exitCode"),
            _moment(ended, "startedAt", now),
            _moment(ended, "finishedAt", now),
        )
    return Waiting(text(waiting, "reason") or "ContainerCreating", now, text(waiting, "message"))


def _moment(reported: Manifest, key: str, now: datetime) -> datetime:
    value = text(reported, key)
    return parse_timestamp(value) if value else now
