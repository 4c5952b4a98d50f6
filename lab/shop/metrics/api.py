"""`GET /metrics`: OpenMetrics with exemplars when asked for, else the Prometheus text format."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab.shop.argocd.applications import NAMESPACE as ARGOCD_NAMESPACE
from lab.shop.cluster.ports import Objects, Programs
from lab.shop.manifests import service_address
from lab.shop.metrics.containers import container_families
from lab.shop.metrics.objects import object_families
from lab.shop.metrics.requests import RequestMetrics
from lab.shop.metrics.traffic import probe_families, request_families, service_graph_families
from lab.shop.shop import Shop
from lab.shop.topology import BY_NAME, ENTRY, NAMESPACE
from lab.shop.traffic.network import Network, UnreachableError

_INFO_LABELS = (
    "name",
    "namespace",
    "project",
    "repo",
    "dest_server",
    "dest_namespace",
    "sync_status",
    "health_status",
    "operation",
    "autosync_enabled",
)


def measured(metrics: RequestMetrics, objects: Objects, programs: Programs, network: Network) -> Iterator[Metric]:
    """What programs, the metrics generator, cAdvisor, kube-state-metrics and the blackbox prober measure."""
    yield from request_families(metrics)
    yield from service_graph_families(metrics)
    yield from container_families(programs)
    yield from object_families(objects, programs)
    yield from _probe(network)


def _probe(network: Network) -> Iterator[Metric]:
    address = service_address(ENTRY, BY_NAME[ENTRY].port)
    try:
        network.connect(address, NAMESPACE)
        succeeded, seconds = True, 0.004
    except UnreachableError as exc:
        succeeded, seconds = False, exc.seconds
    url = f"http://{address}/healthz"
    yield from probe_families(NAMESPACE, ENTRY, url, succeeded=succeeded, seconds=seconds)


class ShopCollector(Collector):
    """All metric families of one scrape."""

    def __init__(self, shop: Shop):
        self._shop = shop

    def collect(self) -> Iterator[Metric]:
        """Read the shop's state."""
        yield from measured(self._shop.metrics, self._shop.store, self._shop.kubelet, self._shop.network)
        yield self._applications()

    def _applications(self) -> Metric:
        info = GaugeMetricFamily("argocd_app_info", "Information about the application.", labels=list(_INFO_LABELS))
        for application in self._shop.applications.all():
            document = self._shop.applications.document(application)
            spec, status = document.spec, document.status
            values = [
                application.name,
                ARGOCD_NAMESPACE,
                spec.project,
                spec.source.repo_url,
                spec.destination.server,
                spec.destination.namespace,
                status.sync.status,
                status.health.status,
                "sync" if document.operation else "",
                str(spec.automated is not None).lower(),
            ]
            info.add_metric(values, 1.0)
        return info


def metrics_application(collector: Collector) -> Starlette:
    """The ASGI application a Prometheus scrapes."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)

    async def scrape(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return Starlette(routes=[Route("/metrics", scrape)])
