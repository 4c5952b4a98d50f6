"""Keys, tokens and kubeconfig files of the API server and its users."""

import base64
import subprocess
from pathlib import Path

import yaml

from lab.cluster.state import Tokens
from lab.process import ServerError
from lab.shop.tls import Certificate, loopback_certificate

_USERS = {
    "admin": ("admin", "system:masters"),
    "controller_manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "nodes": ("lab-nodes", "system:masters"),
    "argocd": ("argocd", "system:masters"),
}


class Credentials:
    """The files of one run directory, in its folder `credentials`; made once, kubeconfigs written for each start."""

    def __init__(self, run_dir: Path, server: str) -> None:
        self._folder = run_dir / "credentials"
        self._server = server
        self.token_file = self._folder / "tokens.csv"
        self.service_account_key = self._folder / "service-account.key"

    def write(self, tokens: Tokens) -> None:
        """Write what is missing, and the kubeconfig of every user. Raises ServerError where there is no openssl."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.certificate.key.exists() and loopback_certificate(self._folder) is None:
            raise ServerError("the API server needs a certificate: put `openssl` on PATH")
        if not self.service_account_key.exists():
            command = ["openssl", "genrsa", "-out", str(self.service_account_key), "2048"]
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        known = tokens.model_dump()
        lines = [f'{known[key]},{name},{name},"{group}"' for key, (name, group) in _USERS.items()]
        self.token_file.write_text("\n".join(lines) + "\n")
        for key in _USERS:
            self.kubeconfig_for(key, known[key])

    @property
    def certificate(self) -> Certificate:
        """The API server's own, which its clients trust."""
        return Certificate(self._folder / "apiserver.crt", self._folder / "apiserver.key")

    def kubeconfig(self, user: str) -> Path:
        """The kubeconfig file of a user."""
        return self._folder / f"{user}.kubeconfig"

    def kubeconfig_for(self, user: str, token: str, *, namespace: str = "default") -> Path:
        """Write a kubeconfig file for any bearer token; its one context is called `user`."""
        authority = base64.b64encode(self.certificate.certificate.read_bytes()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": user,
            "clusters": [{"name": "lab", "cluster": {"server": self._server, "certificate-authority-data": authority}}],
            "contexts": [{"name": user, "context": {"cluster": "lab", "user": user, "namespace": namespace}}],
            "users": [{"name": user, "user": {"token": token}}],
        }
        path = self.kubeconfig(user)
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path
