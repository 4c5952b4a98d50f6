"""Certificates as cert-manager keeps them. Source: https://cert-manager.io/docs/reference/api-docs/"""

from datetime import datetime

from agent.cluster.objects import Condition, KubernetesModel, KubernetesObject


class CertificateSpec(KubernetesModel):
    """The Secret that holds it, and the names it is for."""

    secret_name: str = ""
    dns_names: tuple[str, ...] = ()


class CertificateStatus(KubernetesModel):
    """Until when it is valid, and whether it is up to date."""

    not_before: datetime | None = None
    not_after: datetime | None = None
    renewal_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()


class Certificate(KubernetesObject):
    """A certificate that cert-manager issues into a Secret."""

    spec: CertificateSpec = CertificateSpec()
    status: CertificateStatus = CertificateStatus()

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type."""
        return next((item for item in self.status.conditions if item.type == kind), None)
