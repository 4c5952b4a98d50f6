"""A container as its kubelet sees it: what state it is in and what it uses."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from lab.shop.cluster.images import Build
from lab.shop.cluster.objects import Manifest, timestamp
from lab.shop.cluster.quantity import quantity
from lab.shop.cluster.views import Container

# What a container without limits may use: a node's size.
NODE_CORES = 8.0
NODE_MEMORY = 32 * 2**30
KEPT_LOG_LINES = 600


@dataclass(frozen=True)
class Waiting:
    """Not running; tried again at `until`."""

    reason: str
    until: datetime
    message: str = ""


@dataclass(frozen=True)
class Running:
    """Running since."""

    since: datetime


@dataclass(frozen=True)
class Terminated:
    """Ended, with the exit code and the reason the kubelet gives."""

    reason: str
    exit_code: int
    started_at: datetime
    finished_at: datetime


State: TypeAlias = Waiting | Running | Terminated


@dataclass(frozen=True)
class LogLine:
    """One line a container wrote."""

    at: datetime
    text: str


@dataclass
class Usage:
    """Counters since the container was created, as cAdvisor reports them."""

    cpu_seconds: float = 0.0
    periods: float = 0.0
    throttled_periods: float = 0.0


@dataclass(eq=False)
class Process:
    """One container of one pod and the program that runs in it."""

    pod: str
    namespace: str
    owner: str
    container: Container
    state: State
    build: Build | None = None
    env: dict[str, str] = field(default_factory=dict[str, str])
    ready: bool = False
    restarts: int = 0
    pull_failures: int = 0
    last_termination: Terminated | None = None
    leaked: float = 0.0
    next_probe: datetime | None = None
    failed_liveness: int = 0
    warned: bool = False
    usage: Usage = field(default_factory=Usage)
    log: deque[LogLine] = field(default_factory=lambda: deque[LogLine](maxlen=KEPT_LOG_LINES))
    previous_log: tuple[LogLine, ...] = ()

    @property
    def running(self) -> bool:
        """Whether the program is up."""
        return isinstance(self.state, Running)

    @property
    def cpu_limit(self) -> float:
        """Cores it may use."""
        limit = self.container.resources.limits.get("cpu")
        return NODE_CORES if limit is None else quantity(limit)

    @property
    def memory_limit(self) -> float:
        """Bytes it may use."""
        limit = self.container.resources.limits.get("memory")
        return float(NODE_MEMORY) if limit is None else quantity(limit)

    @property
    def memory(self) -> float:
        """Bytes it uses."""
        return self.build.memory + self.leaked if self.running and self.build else 0.0

    def listens(self, port: int) -> bool:
        """Whether the program accepts connections on this port."""
        return self.running and self.build is not None and self.build.port == port

    def write(self, at: datetime, text: str) -> None:
        """Write a line to the container's log."""
        self.log.append(LogLine(at, text))


@dataclass(eq=False)
class RunningPod:
    """A pod a kubelet has taken on."""

    uid: str
    name: str
    namespace: str
    node: str
    ip: str
    started_at: datetime
    processes: list[Process] = field(default_factory=list[Process])
    reported: tuple[tuple[State, bool, int], ...] = ()

    def condition(self) -> tuple[tuple[State, bool, int], ...]:
        """What its status depends on."""
        return tuple((process.state, process.ready, process.restarts) for process in self.processes)


def container_state(state: State | None) -> Manifest:
    """`v1.ContainerState`."""
    match state:
        case Waiting():
            message: Manifest = {"message": state.message} if state.message else {}
            return {"waiting": {"reason": state.reason, **message}}
        case Running():
            return {"running": {"startedAt": timestamp(state.since)}}
        case Terminated():
            return {
                "terminated": {
                    "exitCode": state.exit_code,
                    "reason": state.reason,
                    "startedAt": timestamp(state.started_at),
                    "finishedAt": timestamp(state.finished_at),
                }
            }
        case None:
            return {}
