"""Metric families of the shop's programs, of Tempo's metrics generator and of the blackbox prober."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.samples import Exemplar as FamilyExemplar

from lab.shop.metrics.requests import BOUNDS, Exemplar, Histogram, RequestMetrics

_EDGE_LABELS = ["client", "server", "connection_type"]
_LIMITS = (*(repr(bound) for bound in BOUNDS), "+Inf")


def request_families(metrics: RequestMetrics) -> Iterator[Metric]:
    """`http_requests_total` and `http_request_duration_seconds`."""
    requests = CounterMetricFamily(
        "http_requests", "Requests served, by status code.", labels=["namespace", "service", "pod", "code"]
    )
    for key, count in metrics.requests.items():
        requests.add_metric(list(key), count)
    yield requests
    durations = HistogramMetricFamily(
        "http_request_duration_seconds", "Time to serve a request.", labels=["namespace", "service"]
    )
    for labels, histogram in metrics.durations.items():
        _add(durations, list(labels), histogram)
    yield durations


def service_graph_families(metrics: RequestMetrics) -> Iterator[Metric]:
    """The service graph as Tempo's metrics generator writes it.

    Source: https://grafana.com/docs/tempo/latest/metrics-from-traces/service_graphs/
    """
    prefix = "traces_service_graph_request"
    total = CounterMetricFamily(prefix, "Requests between two nodes.", labels=_EDGE_LABELS)
    failed = CounterMetricFamily(f"{prefix}_failed", "Failed requests between two nodes.", labels=_EDGE_LABELS)
    server = HistogramMetricFamily(f"{prefix}_server_seconds", "Time seen by the server.", labels=_EDGE_LABELS)
    client = HistogramMetricFamily(f"{prefix}_client_seconds", "Time seen by the client.", labels=_EDGE_LABELS)
    for key, edge in metrics.edges.items():
        total.add_metric(list(key), edge.total)
        failed.add_metric(list(key), edge.failed)
        _add(server, list(key), edge.server_seconds)
        _add(client, list(key), edge.client_seconds)
    yield from (total, failed, server, client)


def probe_families(namespace: str, service: str, url: str, *, succeeded: bool, seconds: float) -> Iterator[Metric]:
    """`probe_success` and `probe_duration_seconds` of the blackbox exporter, for the shop's front door."""
    labels = {"namespace": namespace, "service": service, "target": url}
    success = GaugeMetricFamily("probe_success", "Whether the probe succeeded.", labels=list(labels))
    success.add_metric(list(labels.values()), float(succeeded))
    duration = GaugeMetricFamily("probe_duration_seconds", "How long the probe took.", labels=list(labels))
    duration.add_metric(list(labels.values()), seconds)
    yield from (success, duration)


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    cumulative, buckets = 0, list[tuple[str, float, FamilyExemplar | None]]()
    for limit, count, exemplar in zip(_LIMITS, histogram.counts, histogram.exemplars, strict=True):
        cumulative += count
        buckets.append((limit, cumulative, _exemplar(exemplar)))
    family.add_metric(labels, buckets, histogram.sum)  # pyright: ignore[reportArgumentType] - None is no exemplar


def _exemplar(exemplar: Exemplar | None) -> FamilyExemplar | None:
    if exemplar is None:
        return None
    return FamilyExemplar({"trace_id": exemplar.trace_id}, exemplar.value, exemplar.at.timestamp())
