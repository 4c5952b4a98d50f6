"""Argo CD: its objects in the cluster, its three servers, and access to its API."""

import base64
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import httpx
from lightkube import generic_resource
from lightkube.resources.core_v1 import Secret
from pydantic import BaseModel, ConfigDict, JsonValue

from lab.cluster.objects import ApiError, apply, client, define, namespace
from lab.cluster.state import Ports
from lab.environment import inherited
from lab.parts import part
from lab.process import Server, ServerError, Servers, answers

NAMESPACE = "argocd"
PROJECT = "default"
IN_CLUSTER = "https://kubernetes.default.svc"
"""The destination of applications; Argo CD knows it as the cluster it lives in."""
# Applications can be applied as soon as this module is imported.
generic_resource.create_namespaced_resource("argoproj.io", "v1alpha1", "Application", "applications")
READER, WRITER = "triagent-read", "triagent-write"
READY_S = 60

RBAC = f"""\
p, role:{READER}, applications, get, {PROJECT}/*, allow
p, role:{WRITER}, applications, get, {PROJECT}/*, allow
p, role:{WRITER}, applications, sync, {PROJECT}/*, allow
g, {READER}, role:{READER}
g, {WRITER}, role:{WRITER}
"""
"""What docs/least-privilege.md asks for, and no more."""


def application(name: str, repository: str, namespace: str, **spec: JsonValue) -> dict[str, JsonValue]:
    """An Application of the manifests in the root of a Git repository; `spec` has what is not the same for all."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "project": PROJECT,
            "source": {"repoURL": repository, "path": ".", "targetRevision": "main"},
            "destination": {"server": IN_CLUSTER, "namespace": namespace},
            **spec,
        },
    }


class _Token(BaseModel):
    model_config = ConfigDict(extra="ignore")

    token: str


class ArgoCd:
    """Argo CD of one run directory. `kubeconfig` is its own identity, `admin` the administrator's."""

    def __init__(self, run_dir: Path, ports: Ports, *, kubeconfig: Path, admin: Path) -> None:
        self._folder = run_dir / "argocd"
        self._ports = ports
        self._kubeconfig = kubeconfig
        self._admin = admin
        self.url = f"http://127.0.0.1:{ports.argocd}"

    def install(self) -> None:
        """Write its resource definitions, configuration and the cluster it delivers to."""
        define(self._admin, part("argocd-crds.yaml").read_text())
        apply(self._admin, [namespace(NAMESPACE), *self._configuration()])
        if self._secret("argocd-secret").get("server.secretkey") is None:
            key: JsonValue = {"server.secretkey": secrets.token_urlsafe(32)}
            apply(self._admin, [_labelled("Secret", "argocd-secret", {"stringData": key})])

    def repo_server(self, servers: Servers) -> Server:
        """Renders manifests from Git."""
        ports = self._ports
        listen = ["--address", "127.0.0.1", "--port", str(ports.repo_server)]
        metrics = ["--metrics-address", "127.0.0.1", "--metrics-port", str(ports.repo_server_metrics)]
        argv = [*listen, *metrics, "--disable-tls", *self._redis(), "--revision-cache-expiration", "1s"]
        return self._start(servers, "argocd-repo-server", argv, ports.repo_server_metrics)

    def application_controller(self, servers: Servers) -> Server:
        """Compares live objects with Git and syncs them."""
        port = self._ports.application_controller
        argv = [*self._peers(), *self._redis(), "--metrics-port", str(port), "--namespace", NAMESPACE]
        resync = ["--app-resync", "10", "--app-resync-jitter", "0", "--self-heal-timeout-seconds", "2"]
        return self._start(servers, "argocd-application-controller", [*argv, *resync], port)

    def server(self, servers: Servers) -> Server:
        """The API."""
        ports = self._ports
        listen = ["--insecure", "--address", "127.0.0.1", "--port", str(ports.argocd)]
        metrics = ["--metrics-port", str(ports.argocd_metrics)]
        argv = [*listen, *metrics, *self._peers(), *self._redis(), "--namespace", NAMESPACE]
        return self._start(servers, "argocd-server", argv, ports.argocd)

    def admin_password(self) -> str:
        """What `admin` signs in with. Raises ServerError when Argo CD has not made it yet."""
        password = self._secret("argocd-initial-admin-secret").get("password")
        if password is None:
            raise ServerError("Argo CD has no administrator yet")
        return base64.b64decode(password).decode()

    def admin_token(self) -> str:
        """A session of the administrator. Raises ServerError when Argo CD has not made its password yet."""
        return self._issue("session", {"username": "admin", "password": self.admin_password()})

    def account_token(self, account: str) -> str:
        """A token of an account that is there for programs: `READER`, `WRITER`."""
        return self._issue(f"account/{account}/token", {}, self.admin_token())

    def _issue(self, path: str, body: dict[str, str], token: str = "") -> str:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = httpx.post(f"{self.url}/api/v1/{path}", json=body, headers=headers, trust_env=False, timeout=20)
        return _Token.model_validate_json(answer.raise_for_status().content).token

    def _secret(self, name: str) -> dict[str, str]:
        try:
            with client(self._admin) as api:
                found = api.get(Secret, name, namespace=NAMESPACE)
        except ApiError as exc:
            if exc.status.code == 404:
                return {}
            raise
        return cast("dict[str, str] | None", found.data) or {}

    def _configuration(self) -> Sequence[JsonValue]:
        settings: JsonValue = {
            "url": self.url,
            f"accounts.{READER}": "apiKey",
            f"accounts.{WRITER}": "apiKey",
            "timeout.reconciliation": "10s",
            "timeout.reconciliation.jitter": "0s",
            "application.resourceTrackingMethod": "annotation",
        }
        return [
            _labelled("ConfigMap", "argocd-cm", {"data": settings}),
            _labelled("ConfigMap", "argocd-rbac-cm", {"data": {"policy.csv": RBAC}}),
        ]

    def _peers(self) -> list[str]:
        return ["--repo-server", f"127.0.0.1:{self._ports.repo_server}", "--repo-server-plaintext"]

    def _redis(self) -> list[str]:
        return ["--redis", f"127.0.0.1:{self._ports.redis}"]

    def _start(self, servers: Servers, role: str, argv: Sequence[str], health: int) -> Server:
        folders = {name: self._folder / name for name in ("tls", "ssh", "gpg", "plugins", "tmp")}
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        (folders["ssh"] / "ssh_known_hosts").touch()
        env = {
            "ARGOCD_BINARY_NAME": role,
            "ARGOCD_FAKE_IN_CLUSTER": "true",  # its cluster is the one of KUBECONFIG
            "KUBECONFIG": str(self._kubeconfig),
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_TLS_DATA_PATH": str(folders["tls"]),
            "ARGOCD_SSH_DATA_PATH": str(folders["ssh"]),
            "ARGOCD_PLUGINSOCKFILEPATH": str(folders["plugins"]),
            "ARGOCD_RECONCILIATION_TIMEOUT": "10s",
            "TMPDIR": str(folders["tmp"]),
        }
        command = [part("argocd"), *argv]
        server = servers.start(role, command, env=inherited(env), cwd=self._folder)
        server.wait_until(answers(f"http://127.0.0.1:{health}/healthz"), within=READY_S)
        return server


def _labelled(kind: str, name: str, content: dict[str, JsonValue]) -> JsonValue:
    labels: JsonValue = {"app.kubernetes.io/part-of": "argocd", "app.kubernetes.io/name": name}
    metadata: JsonValue = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content}
