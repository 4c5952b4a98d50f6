"""Metric families of cAdvisor: what the containers use."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lab.shop.cluster.ports import Programs

_LABELS = ["namespace", "pod", "container", "image", "node"]


def container_families(programs: Programs) -> Iterator[Metric]:
    """CPU, throttling and memory of every container.

    Source: https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md
    """
    cpu = CounterMetricFamily("container_cpu_usage_seconds", "CPU time used.", labels=_LABELS)
    periods = CounterMetricFamily("container_cpu_cfs_periods", "Elapsed enforcement periods.", labels=_LABELS)
    throttled = CounterMetricFamily("container_cpu_cfs_throttled_periods", "Throttled periods.", labels=_LABELS)
    memory = GaugeMetricFamily("container_memory_working_set_bytes", "Current working set.", labels=_LABELS)
    for pod in programs.pods():
        for process in pod.processes:
            labels = [pod.namespace, pod.name, process.container.name, process.container.image, pod.node]
            cpu.add_metric(labels, process.usage.cpu_seconds)
            periods.add_metric(labels, process.usage.periods)
            throttled.add_metric(labels, process.usage.throttled_periods)
            if process.running:
                memory.add_metric(labels, process.memory)
    yield from (cpu, periods, throttled, memory)
