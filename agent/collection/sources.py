"""The outside systems an investigation may read. Readers only: nothing here can change anything."""

from dataclasses import dataclass

from domain.signals import SignalCatalogue
from tools.alertmanager.read import AlertmanagerReader
from tools.argocd.read import ArgoReader
from tools.artifacts import Artifacts
from tools.kubernetes.read import KubernetesReader
from tools.prometheus.read import PrometheusReader
from tools.tempo.read import TempoReader


@dataclass(frozen=True)
class Sources:
    """Readers by system; None where a site has not configured it."""

    signals: SignalCatalogue
    artifacts: Artifacts
    kubernetes: KubernetesReader | None = None
    prometheus: PrometheusReader | None = None
    alertmanager: AlertmanagerReader | None = None
    tempo: TempoReader | None = None
    argocd: ArgoReader | None = None
