"""Child processes that serve: started with a log file, waited for until ready, ended by their own id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from lab.environment import inherited

Probe = Callable[[], bool]
"""Whether a server answers now."""

POLL_S = 0.05


class ServerError(RuntimeError):
    """A server did not start or did not get ready; the message has the last lines of its log."""


def free_port() -> int:
    """A TCP port on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str, *, verify: bool = True) -> Probe:
    """A probe: an HTTP GET of `url` gives a 2xx; `verify` is whether the server's certificate counts."""

    def probe() -> bool:
        try:
            return httpx.get(url, timeout=2, trust_env=False, verify=verify).is_success
        except httpx.TransportError:
            return False

    return probe


def succeeds(argv: Sequence[str | Path]) -> Probe:
    """A probe: the command ends with 0."""

    def probe() -> bool:
        try:
            return subprocess.run(argv, capture_output=True, timeout=10, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    return probe


class Server:
    """One running child process, leader of a session of its own so that a Ctrl-C reaches it through us only."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log_dir: Path,
        env: Mapping[str, str],
        cwd: Path | None,
        user: str | None = None,
    ) -> None:
        self.name = name
        self.log = log_dir / f"{name}.log"
        self.output = log_dir / f"{name}.out"
        with self.log.open("ab") as log, self.output.open("wb") as output:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.poll() is None

    def wait_until(self, ready: Probe, *, within: float) -> None:
        """Return as soon as `ready` holds; ServerError when the process ends first or `within` seconds go by."""
        deadline = time.monotonic() + within
        while not ready():
            if not self.running:
                raise ServerError(f"{self.name} ended with {self._process.returncode}: {self._last_lines()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} was not ready within {within:g} s: {self._last_lines()}")
            time.sleep(POLL_S)

    def first_line(self, *, within: float) -> str:
        """The first full line that the process writes to its standard output."""
        self.wait_until(lambda: b"\n" in self.output.read_bytes(), within=within)
        return self.output.read_text().splitlines()[0]

    def finish(self, *, within: float) -> None:
        """Wait for a process that does one job; ServerError when it fails or takes longer than `within` seconds."""
        self.wait_until(lambda: self._process.poll() == 0, within=within)

    def stop(self, *, grace: float = 10.0) -> int:
        """SIGTERM, and SIGKILL to its whole group after `grace` seconds; returns the exit status (negative: signal)."""
        if self.running:
            self._process.terminate()
            try:
                return self._process.wait(grace)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()

    def kill(self) -> None:
        """SIGKILL to the process, as a crash of it alone, and wait for its end."""
        self._process.kill()
        self._process.wait()

    def _last_lines(self) -> str:
        written = self.log.read_text(errors="replace") or self.output.read_text(errors="replace")
        return " | ".join(written.splitlines()[-5:])[-1000:] or "it wrote nothing"


class Servers:
    """A group of servers that end together, last started first, however the block is left."""

    def __init__(self, log_dir: Path) -> None:
        self.log_dir = log_dir
        self._running: list[Server] = []

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> Server:
        """Start a server; its log is `{log_dir}/{name}.log`, its standard output `{name}.out`.

        `env` is the whole environment of the child; it and `cwd` are this process's own by default. `user` (and its
        group of the same name) is whom it runs as, which takes root.
        """
        self.log_dir.mkdir(parents=True, exist_ok=True)
        environment = inherited({}) if env is None else env
        server = Server(name, argv, log_dir=self.log_dir, env=environment, cwd=cwd, user=user)
        self._running.append(server)
        return server

    def stop(self) -> None:
        """End every server started here."""
        while self._running:
            self._running.pop().stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def interruptible() -> Generator[None]:
    """Make SIGTERM behave as Ctrl-C does, so that a terminated parent ends its servers too."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
