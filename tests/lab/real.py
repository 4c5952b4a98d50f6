"""The real control plane for tests, and the plain things they put on it."""

from dataclasses import dataclass
from pathlib import Path

from lab.cluster.audit import AuditEvent, AuditLog
from lab.cluster.identities import WRITE

WRITER = f"system:serviceaccount:triagent:{WRITE}"
"""The write identity, as the API server calls it."""


@dataclass(frozen=True)
class ControlPlane:
    """A running API server with its controllers: the administrator's kubeconfig, and what it writes down."""

    admin: Path
    audit: AuditLog

    def writes_of_the_product(self, since: int) -> list[AuditEvent]:
        """What the write identity changed since a position in the audit log."""
        return self.audit.writes(since, user=WRITER)


def deployment(
    name: str, namespace: str, *, image: str = "web:1", replicas: int = 1, **more: object
) -> dict[str, object]:
    """A Deployment of one container and nothing else; `more` goes into its spec."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **more}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
