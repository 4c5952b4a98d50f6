"""The parts of the cluster, which need which, and what Prometheus and Alertmanager are told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from lab.servers import Grouping, Scrape, Webhook

PartName: TypeAlias = Literal[
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "references",
    "redis",
    "argocd-repo-server",
    "argocd-application-controller",
    "argocd-server",
    "postgresql",
    "temporal",
    "alertmanager",
    "prometheus",
]

CONTROL_PLANE: tuple[PartName, ...] = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "references",
)
ARGOCD: tuple[PartName, ...] = (
    "redis",
    "argocd-repo-server",
    "argocd-application-controller",
    "argocd-server",
)
MONITORING: tuple[PartName, ...] = ("alertmanager", "prometheus")
EVERYTHING: tuple[PartName, ...] = (*CONTROL_PLANE, *ARGOCD, "postgresql", "temporal", *MONITORING)

AFTER: dict[PartName, tuple[PartName, ...]] = {
    "etcd": (),
    "redis": (),
    "postgresql": (),
    "temporal": (),
    "alertmanager": (),
    "kube-apiserver": ("etcd",),
    "kube-controller-manager": ("kube-apiserver",),
    "kube-scheduler": ("kube-apiserver",),
    "kwok": ("kube-apiserver",),
    "references": ("kube-apiserver",),
    "argocd-repo-server": ("redis", "kube-apiserver"),
    "argocd-application-controller": ("redis", "kube-apiserver"),
    "argocd-server": ("redis", "kube-apiserver"),
    "prometheus": ("alertmanager",),
}
"""What must be ready before a part is started; parts that were not asked for are not waited for."""


@dataclass(frozen=True)
class Monitoring:
    """What Prometheus scrapes and which rules it evaluates; whom Alertmanager tells, nobody by default."""

    scrape: Sequence[Scrape] = ()
    rules: Sequence[Path] = ()
    webhook: Webhook | None = None
    grouping: Grouping = field(default=Grouping())
