"""The cluster: its parts started in order, stopped, killed and started again one by one, on ports that stay."""

import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.cluster.argocd import ArgoCd
from lab.cluster.audit import AuditLog
from lab.cluster.control_plane import ControlPlane
from lab.cluster.credentials import Credentials
from lab.cluster.ledger import Ledger
from lab.cluster.objects import apply, nodes
from lab.cluster.plan import AFTER, EVERYTHING, Monitoring, PartName
from lab.cluster.state import Ports, State
from lab.databases import postgres_folder, postgresql, redis
from lab.process import Server, ServerError, Servers
from lab.servers import PrometheusOptions, Webhook, alertmanager, prometheus, temporal

Say = Callable[[str], None]
"""Tells what has been done."""


class Cluster:
    """A real control plane, and with it those parts that were asked for.

    `run_dir` keeps data, credentials, logs and ports: the same folder brings the same cluster back. Starting needs the
    binaries in the cache (`make lab-parts`).
    """

    def __init__(
        self,
        run_dir: Path,
        *,
        parts: Sequence[PartName] = EVERYTHING,
        monitoring: Monitoring | None = None,
        say: Say = lambda _: None,
    ) -> None:
        self.run_dir = run_dir.resolve()
        state = State.kept_in(self.run_dir)
        self.ports: Ports = state.ports
        self._tokens = state.tokens
        self._parts: Sequence[PartName] = [name for name in EVERYTHING if name in parts]
        self._monitoring = monitoring or Monitoring()
        self._say = say
        self._servers = Servers(self.run_dir / "logs")
        self._running: dict[PartName, Server] = {}
        self._recording = threading.Lock()
        self.ledger = Ledger(self.run_dir / "processes.json")
        self.kubernetes = f"https://127.0.0.1:{self.ports.kubernetes}"
        self.credentials = Credentials(self.run_dir, self.kubernetes)
        self.control_plane = ControlPlane(self.run_dir, self.ports, self.credentials)
        identities = {"kubeconfig": self.kubeconfig("argocd"), "admin": self.kubeconfig()}
        self.argocd = ArgoCd(self.run_dir, self.ports, **identities)
        self.audit = AuditLog(self.control_plane.audit_log)
        self._installing = threading.Lock()
        self._installed = False

    @property
    def prometheus(self) -> str:
        """Prometheus' URL."""
        return f"http://127.0.0.1:{self.ports.prometheus}"

    @property
    def alertmanager(self) -> str:
        """Alertmanager's URL."""
        return f"http://127.0.0.1:{self.ports.alertmanager}"

    @property
    def temporal(self) -> str:
        """Temporal's `host:port`."""
        return f"127.0.0.1:{self.ports.temporal}"

    @property
    def database(self) -> str:
        """PostgreSQL's URL, without a database name."""
        return f"postgresql://postgres@127.0.0.1:{self.ports.postgres}"

    def kubeconfig(self, user: str = "admin") -> Path:
        """The kubeconfig file of the administrator, or of a user that `credentials.kubeconfig_for` wrote one for."""
        return self.credentials.kubeconfig(user)

    def up(self) -> None:
        """Start all parts, each as soon as those it needs are ready. Raises ServerError, PartError.

        When one does not start, the others are ended; the logs stay.
        """
        try:
            self.credentials.write(self._tokens)
            for future in self._start_all():
                future.result()
        except BaseException:
            self.down()
            raise

    def _start_all(self) -> Collection[Future[None]]:
        starting: dict[PartName, Future[None]] = {}
        with ThreadPoolExecutor(max_workers=len(self._parts)) as threads:
            for name in self._parts:
                needed = [starting[each] for each in AFTER[name] if each in starting]
                starting[name] = threads.submit(self._start_after, name, needed)
        return starting.values()

    def down(self) -> None:
        """End all parts that were started here, last started first."""
        self._servers.stop()
        self._running.clear()

    def start(self, name: PartName) -> None:
        """Start a part again, on its own port and with its own data."""
        if self.running(name):
            raise ServerError(f"{name} runs already")
        server = self._starters[name](self._servers)
        with self._recording:
            self._running[name] = server
            self.ledger.record(name, server.pid)

    def ensure(self, *names: PartName) -> None:
        """Start those of these parts that do not run; they must be named after the parts they need."""
        for name in names:
            if not self.running(name):
                self.start(name)

    def running(self, name: PartName) -> bool:
        """Whether a part was started here and has not ended."""
        return name in self._running and self._running[name].running

    def stop(self, name: PartName) -> None:
        """End a part in order."""
        self._running[name].stop()

    def kill(self, name: PartName) -> None:
        """`kill -9` a part."""
        self._running[name].kill()

    def monitor(self, monitoring: Monitoring) -> None:
        """Let Prometheus and Alertmanager work by another configuration: they are started again, data kept."""
        self._monitoring = monitoring
        for name in ("alertmanager", "prometheus"):
            self.stop(name)
            self.start(name)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def _start_after(self, name: PartName, needed: Sequence[Future[None]]) -> None:
        for future in needed:
            future.result()
        began = time.monotonic()
        self.start(name)
        self._say(f"{name} ready, {time.monotonic() - began:.1f} s")

    @property
    def _starters(self) -> Mapping[PartName, Callable[[Servers], Server]]:
        plane = self.control_plane
        return {
            "etcd": plane.etcd,
            "kube-apiserver": plane.kube_apiserver,
            "kube-controller-manager": plane.kube_controller_manager,
            "kube-scheduler": plane.kube_scheduler,
            "kwok": self._kwok,
            "references": self._references,
            "redis": lambda servers: redis(servers, self.run_dir / "redis", port=self.ports.redis).server,
            "argocd-repo-server": self._after_install(self.argocd.repo_server),
            "argocd-application-controller": self._after_install(self.argocd.application_controller),
            "argocd-server": self._after_install(self.argocd.server),
            "postgresql": self._postgresql,
            "temporal": lambda servers: temporal(servers, self.run_dir / "temporal", port=self.ports.temporal).server,
            "alertmanager": self._alertmanager,
            "prometheus": self._prometheus,
        }

    def _kwok(self, servers: Servers) -> Server:
        server = self.control_plane.kwok(servers)
        apply(self.kubeconfig(), list(nodes()))
        return server

    def _references(self, servers: Servers) -> Server:
        argv = [sys.executable, "-m", "lab.cluster.references", "--kubeconfig", self.kubeconfig("nodes")]
        return servers.start("references", argv)

    def _after_install(self, start: Callable[[Servers], Server]) -> Callable[[Servers], Server]:
        def started(servers: Servers) -> Server:
            with self._installing:
                if not self._installed:
                    self.argocd.install()
                    self._installed = True
            return start(servers)

        return started

    def _postgresql(self, servers: Servers) -> Server:
        folder = postgres_folder(self.run_dir / "postgresql")
        return postgresql(servers, folder, port=self.ports.postgres).server

    def _alertmanager(self, servers: Servers) -> Server:
        webhook = self._monitoring.webhook or Webhook("http://127.0.0.1:9/", self.run_dir / "no.token")
        webhook.token_file.touch()
        folder, grouping = self.run_dir / "alertmanager", self._monitoring.grouping
        return alertmanager(servers, folder, webhook, grouping=grouping, port=self.ports.alertmanager).server

    def _prometheus(self, servers: Servers) -> Server:
        options = PrometheusOptions(
            scrape=self._monitoring.scrape, rules=self._monitoring.rules, alertmanager=self.alertmanager
        )
        return prometheus(servers, self.run_dir / "prometheus", options, port=self.ports.prometheus).server
