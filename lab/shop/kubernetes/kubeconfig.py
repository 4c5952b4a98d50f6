"""The kubeconfig file that leads to the shop: context `shop-read` (current) and `shop-write`."""

import base64
from pathlib import Path

import yaml
from pydantic import JsonValue

from lab.shop.cluster.objects import Manifest
from lab.shop.identities import READER, WRITER, Tokens
from lab.shop.tls import Certificate
from lab.shop.topology import NAMESPACE


def write_kubeconfig(path: Path, server: str, tokens: Tokens, certificate: Certificate | None) -> None:
    """Write the file, readable by its owner only; `certificate` is the server's own, None for plain HTTP."""
    cluster: Manifest = {"server": server}
    if certificate:
        cluster["certificate-authority-data"] = base64.b64encode(certificate.certificate.read_bytes()).decode()
    users = {READER.user: tokens.read, WRITER.user: tokens.write}
    entries: list[JsonValue] = [{"name": user, "user": {"token": token}} for user, token in users.items()]
    contexts: list[JsonValue] = [
        {"name": user, "context": {"cluster": "shop", "user": user, "namespace": NAMESPACE}} for user in users
    ]
    config: Manifest = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": READER.user,
        "clusters": [{"name": "shop", "cluster": cluster}],
        "contexts": contexts,
        "users": entries,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config, sort_keys=False))
