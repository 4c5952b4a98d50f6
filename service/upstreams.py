"""The systems outside, as the settings name them: readers for everybody, writers for approved changes only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import SecretStr

from service.setting_groups import ClusterAccess, UpstreamSettings
from service.settings import Settings
from tools.alertmanager.read import AlertmanagerReader
from tools.argocd.preview import ArgoPreview
from tools.argocd.read import ArgoReader
from tools.argocd.write import ArgoWriter
from tools.artifacts import Artifacts
from tools.http import Endpoint, HttpPolicy, Upstream
from tools.kubernetes.connect import connect
from tools.kubernetes.preview import KubernetesPreview
from tools.kubernetes.read import KubernetesReader
from tools.kubernetes.write import KubernetesWriter
from tools.pager.write import Pager
from tools.prometheus.read import PrometheusReader
from tools.tempo.read import TempoReader

EndpointT = TypeVar("EndpointT", bound=Endpoint)


@dataclass(frozen=True)
class Upstreams:
    """What is configured; None for the rest. `endpoints` are closed at the end."""

    kubernetes: KubernetesReader | None
    kubernetes_preview: KubernetesPreview | None
    kubernetes_writer: KubernetesWriter | None
    prometheus: PrometheusReader | None
    alertmanager: AlertmanagerReader | None
    tempo: TempoReader | None
    argocd: ArgoReader | None
    argocd_preview: ArgoPreview | None
    argocd_writer: ArgoWriter | None
    pager: Pager | None
    grafana: Endpoint | None
    endpoints: tuple[Endpoint, ...] = field(default=())

    @property
    def read_only(self) -> tuple[str, ...]:
        """The systems that are read and have no write identity: no plan that changes them is asked for."""
        systems = (("kubernetes", self.kubernetes, self.kubernetes_writer), ("argocd", self.argocd, self.argocd_writer))
        return tuple(name for name, reader, writer in systems if reader and not writer)

    @property
    def probes(self) -> dict[str, Callable[[], Awaitable[None]] | None]:
        """Each system's own check, for /readyz."""
        return {
            "prometheus": self.prometheus.ready if self.prometheus else None,
            "alertmanager": self.alertmanager.ready if self.alertmanager else None,
            "tempo": self.tempo.ready if self.tempo else None,
            "argocd": self.argocd.ready if self.argocd else None,
            "argocd_write": self.argocd_writer.ready if self.argocd_writer else None,
            "kubernetes": self.kubernetes.ready if self.kubernetes else None,
            "kubernetes_write": self.kubernetes_writer.ready if self.kubernetes_writer else None,
            "grafana": _healthy(self.grafana) if self.grafana else None,
        }

    async def close(self) -> None:
        """Close every connection."""
        for client in (*self.endpoints, *([self.pager] if self.pager else [])):
            await client.aclose()


class _Builder:
    def __init__(self, settings: Settings, artifacts: Artifacts) -> None:
        self.settings = settings
        self.artifacts = artifacts
        self.policy = HttpPolicy(timeout=settings.http.timeout, max_bytes=settings.http.max_bytes)
        self.endpoints: list[Endpoint] = []

    def upstream(self, system: str, group: UpstreamSettings | None) -> Upstream | None:
        if group is None or not group.url:
            return None
        return self.kept(
            Upstream(system, group.url, token=_text(group.token), policy=self.policy, artifacts=self.artifacts)
        )

    def cluster(self, access: ClusterAccess | None) -> Upstream | None:
        if access is None:
            return None
        return self.kept(connect(access.kubeconfig, access.context, artifacts=self.artifacts, policy=self.policy))

    def dashboards(self) -> Endpoint | None:
        url = self.settings.grafana.url
        return self.kept(Endpoint("grafana", url, policy=self.policy)) if url else None

    def kept(self, endpoint: EndpointT) -> EndpointT:
        self.endpoints.append(endpoint)
        return endpoint


def open_upstreams(settings: Settings, artifacts: Artifacts) -> Upstreams:
    """Clients for every configured system; nothing is contacted yet. Raises `Misconfigured`."""
    build = _Builder(settings, artifacts)
    prometheus = build.upstream("prometheus", settings.prometheus)
    alertmanager = build.upstream("alertmanager", settings.alertmanager)
    tempo = build.upstream("tempo", settings.tempo)
    argocd = build.upstream("argocd", settings.argocd)
    argocd_write = build.upstream("argocd", settings.argocd.write)
    cluster = build.cluster(settings.kubernetes.read)
    cluster_write = build.cluster(settings.kubernetes.write)
    argo_reader = ArgoReader(argocd) if argocd else None
    return Upstreams(
        kubernetes=KubernetesReader(cluster) if cluster else None,
        kubernetes_preview=KubernetesPreview(cluster_write) if cluster_write else None,
        kubernetes_writer=KubernetesWriter(cluster_write) if cluster_write else None,
        prometheus=PrometheusReader(prometheus) if prometheus else None,
        alertmanager=AlertmanagerReader(alertmanager) if alertmanager else None,
        tempo=TempoReader(tempo) if tempo else None,
        argocd=argo_reader,
        argocd_preview=ArgoPreview(argo_reader, argocd_write) if argo_reader and argocd_write else None,
        argocd_writer=ArgoWriter(argocd_write) if argocd_write else None,
        pager=_pager(settings, build.policy),
        grafana=build.dashboards(),
        endpoints=tuple(build.endpoints),
    )


def _healthy(endpoint: Endpoint) -> Callable[[], Awaitable[None]]:
    async def probe() -> None:
        await endpoint.get("/api/health")

    return probe


def _pager(settings: Settings, policy: HttpPolicy) -> Pager | None:
    group = settings.pager
    if not group.webhook_url:
        return None
    return Pager(group.webhook_url, token=_text(group.token), routing_key=_text(group.routing_key), policy=policy)


def _text(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
