"""The kubelet of every node: brings containers up, probes them, restarts what died, reports the pods' status."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from lab.shop.clock import Clock
from lab.shop.cluster.environment import ContainerConfigError, resolved_environment
from lab.shop.cluster.events import EventRecorder
from lab.shop.cluster.images import Build, ImageNotFoundError, Registry
from lab.shop.cluster.kinds import NODE, POD
from lab.shop.cluster.objects import StoredObject, parse_timestamp, text
from lab.shop.cluster.pod_status import pod_status
from lab.shop.cluster.probes import check
from lab.shop.cluster.processes import Process, Running, RunningPod, Terminated, Waiting
from lab.shop.cluster.store import ObjectStore
from lab.shop.cluster.views import PodSpec
from lab.shop.logs import log_line

# Real clusters take longer; the shop's clock is that of a demo somebody watches.
CREATE_SECONDS = 0.25
PULL_SECONDS = 0.25
TERMINATE_SECONDS = 1.0
RESTART_BACKOFF_SECONDS = 5.0
RESTART_BACKOFF_CAP_SECONDS = 40.0
PULL_BACKOFF_SECONDS = 5.0
PULL_BACKOFF_CAP_SECONDS = 60.0
MEMORY_WARNING = 0.8
COMPONENT = "kubelet"


class Kubelet:
    """Stands for the kubelets of all nodes."""

    def __init__(self, store: ObjectStore, events: EventRecorder, registry: Registry, clock: Clock):
        self._store = store
        self._events = events
        self._registry = registry
        self._clock = clock
        self._pods: dict[str, RunningPod] = {}
        self._by_ip: dict[str, RunningPod] = {}
        self._addresses = 0

    def step(self, seconds: float) -> None:
        """Let `seconds` pass for every pod that has a node."""
        for stored in self._store.objects(POD):
            if text(stored.spec, "nodeName"):
                self._step_pod(stored, seconds)

    def pods(self) -> list[RunningPod]:
        """The pods that kubelets look after, oldest first."""
        return list(self._pods.values())

    def processes(self) -> Iterator[Process]:
        """The containers of all pods."""
        for pod in self._pods.values():
            yield from pod.processes

    def pod(self, uid: str) -> RunningPod | None:
        """The pod of that uid, None before a kubelet took it on."""
        return self._pods.get(uid)

    def listening(self, ip: str, port: int) -> Process | None:
        """The program that accepts connections there, None when nothing does."""
        pod = self._by_ip.get(ip)
        return next((process for process in pod.processes if process.listens(port)), None) if pod else None

    def _step_pod(self, stored: StoredObject, seconds: float) -> None:
        pod = self._pods.get(stored.uid) or self._admit(stored)
        if stored.deleting:
            self._terminate(stored, pod)
            return
        for process in pod.processes:
            self._step_process(stored, process, seconds)
        seen = pod.condition()
        if seen != pod.reported:
            pod.reported = seen
            status = pod_status(stored, pod.processes, pod.ip, pod.started_at, self._clock.now())
            self._store.set_status(stored, status)

    def _admit(self, stored: StoredObject) -> RunningPod:
        now = self._clock.now()
        node = text(stored.spec, "nodeName")
        self._addresses += 1
        ip = f"10.244.{node.rsplit('-', 1)[-1]}.{self._addresses % 250 + 2}"
        pod = RunningPod(stored.uid, stored.name, stored.namespace, node, ip, now)
        owner = stored.labels.get("app.kubernetes.io/name", stored.name)
        starting = Waiting("ContainerCreating", now + timedelta(seconds=CREATE_SECONDS))
        for container in stored.spec_as(PodSpec).containers:
            pod.processes.append(Process(stored.name, stored.namespace, owner, container, starting))
        self._pods[stored.uid] = self._by_ip[ip] = pod
        return pod

    def _terminate(self, stored: StoredObject, pod: RunningPod) -> None:
        asked = parse_timestamp(text(stored.metadata, "deletionTimestamp"))
        for process in pod.processes:
            if process.ready:
                self._events.normal(stored, "Killing", f"Stopping container {process.container.name}", COMPONENT)
            process.ready = False
        if self._clock.now() - asked >= timedelta(seconds=TERMINATE_SECONDS):
            del self._pods[stored.uid]
            self._by_ip.pop(pod.ip, None)
            self._store.delete(stored)

    def _step_process(self, stored: StoredObject, process: Process, seconds: float) -> None:
        now = self._clock.now()
        match process.state:
            case Waiting(reason=reason, until=until) if now >= until:
                self._try_start(stored, process, reason)
            case Running(since=since):
                self._run(stored, process, since, seconds)
            case _:
                pass

    def _try_start(self, stored: StoredObject, process: Process, reason: str) -> None:
        image = process.container.image
        if process.build is None and reason == "ContainerCreating":
            self._events.normal(stored, "Pulling", f'Pulling image "{image}"', COMPONENT)
            process.state = Waiting("ContainerCreating", self._clock.now() + timedelta(seconds=PULL_SECONDS))
            process.build = self._pulled(stored, process)
            return
        process.build = process.build or self._pulled(stored, process)
        if process.build is None:
            return
        try:
            process.env = resolved_environment(process.container, process.namespace, self._store)
        except ContainerConfigError as exc:
            self._events.warning(stored, "Failed", f"Error: {exc}", COMPONENT)
            retry = self._clock.now() + timedelta(seconds=PULL_BACKOFF_SECONDS)
            process.state = Waiting("CreateContainerConfigError", retry, str(exc))
            return
        self._start(stored, process, process.build)

    def _pulled(self, stored: StoredObject, process: Process) -> Build | None:
        image = process.container.image
        try:
            build = self._registry.pull(image)
        except ImageNotFoundError as exc:
            self._pull_failed(stored, process, f'Failed to pull image "{image}": {exc}')
            return None
        took = f"{PULL_SECONDS * 1000:.0f}ms"
        message = (
            f'Successfully pulled image "{image}" in {took} ({took} including waiting). Image size: 48213377 bytes.'
        )
        self._events.normal(stored, "Pulled", message, COMPONENT)
        return build

    def _pull_failed(self, stored: StoredObject, process: Process, message: str) -> None:
        image = process.container.image
        self._events.warning(stored, "Failed", message, COMPONENT)
        if process.pull_failures == 0:
            self._events.warning(stored, "Failed", "Error: ErrImagePull", COMPONENT)
            reason, detail, wait = "ErrImagePull", message.partition(": ")[2], 1.0
        else:
            self._events.normal(stored, "BackOff", f'Back-off pulling image "{image}"', COMPONENT)
            self._events.warning(stored, "Failed", "Error: ImagePullBackOff", COMPONENT)
            detail = f'Back-off pulling image "{image}": ErrImagePull: {message.partition(": ")[2]}'
            reason = "ImagePullBackOff"
            wait = min(PULL_BACKOFF_CAP_SECONDS, PULL_BACKOFF_SECONDS * 2 ** (process.pull_failures - 1))
        process.pull_failures += 1
        process.state = Waiting(reason, self._clock.now() + timedelta(seconds=wait), detail)

    def _start(self, stored: StoredObject, process: Process, build: Build) -> None:
        now, name = self._clock.now(), process.container.name
        process.leaked = self._registry.leaked_at_start(process.container.image, now)
        process.state, process.next_probe, process.failed_liveness = Running(now), None, 0
        process.warned = False
        self._events.normal(stored, "Created", f"Created container: {name}", COMPONENT)
        self._events.normal(stored, "Started", f"Started container {name}", COMPONENT)
        process.write(now, log_line(build.log_format, now, "info", "listening", port=build.port, version=build.version))

    def _run(self, stored: StoredObject, process: Process, since: datetime, seconds: float) -> None:
        if process.build:
            process.leaked += process.build.leak * seconds
        if process.memory >= process.memory_limit:
            self._out_of_memory(stored, process, since)
            return
        self._complain_of_memory(process)
        for failure in check(process, since, self._clock.now()):
            self._events.warning(stored, "Unhealthy", failure, COMPONENT)
        probe = process.container.liveness_probe
        if probe and process.failed_liveness >= probe.failure_threshold:
            message = f"Container {process.container.name} failed liveness probe, will be restarted"
            self._events.normal(stored, "Killing", message, COMPONENT)
            self._end(stored, process, Terminated("Error", 137, since, self._clock.now()))

    def _complain_of_memory(self, process: Process) -> None:
        """The program warns once when its memory is nearly used up."""
        share = process.memory / process.memory_limit
        if process.build and share > MEMORY_WARNING and not process.warned:
            process.warned = True
            message = f"heap is {share:.0%} of the memory limit after garbage collection"
            process.write(self._clock.now(), log_line(process.build.log_format, self._clock.now(), "warn", message))

    def _out_of_memory(self, stored: StoredObject, process: Process, since: datetime) -> None:
        name, used = process.container.name, int(process.memory) // 1024
        node = self._store.get(NODE, text(stored.spec, "nodeName"))
        killed = f"Memory cgroup out of memory: Killed process {20000 + process.restarts} ({name})"
        self._events.warning(node, "OOMKilling", f"{killed} anon-rss:{used}kB", "kernel-monitor")
        self._end(stored, process, Terminated("OOMKilled", 137, since, self._clock.now()))

    def _end(self, stored: StoredObject, process: Process, termination: Terminated) -> None:
        process.ready = False
        process.last_termination = termination
        process.previous_log = tuple(process.log)
        process.log.clear()
        wait = 0.0
        if process.restarts:
            wait = min(RESTART_BACKOFF_CAP_SECONDS, RESTART_BACKOFF_SECONDS * 2 ** (process.restarts - 1))
        process.restarts += 1
        where = f"container={process.container.name} pod={stored.name}_{stored.namespace}({stored.uid})"
        message = f"back-off {wait:.0f}s restarting failed {where}"
        process.state = Waiting("CrashLoopBackOff", termination.finished_at + timedelta(seconds=wait), message)
        if wait:
            where = f"{process.container.name} in pod {stored.name}_{stored.namespace}({stored.uid})"
            self._events.warning(stored, "BackOff", f"Back-off restarting failed container {where}", COMPONENT)
