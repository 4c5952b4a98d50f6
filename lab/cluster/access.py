"""What a kubeconfig says, for clients that keep no rules."""

import base64
import ssl
from pathlib import Path

import yaml


def server_of(kubeconfig: Path) -> tuple[str, ssl.SSLContext]:
    """The API server of the one cluster, and trust in its certificate."""
    (found,) = yaml.safe_load(kubeconfig.read_text())["clusters"]
    authority = base64.b64decode(found["cluster"]["certificate-authority-data"]).decode()
    return found["cluster"]["server"], ssl.create_default_context(cadata=authority)


def bearer_of(kubeconfig: Path, user: str) -> dict[str, str]:
    """The header with a user's token."""
    users = yaml.safe_load(kubeconfig.read_text())["users"]
    (token,) = (each["user"]["token"] for each in users if each["name"] == user)
    return {"authorization": f"Bearer {token}"}
