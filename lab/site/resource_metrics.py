"""`metrics.k8s.io/v1beta1` over the programs' usage, so that the cluster's own autoscaler has something to act on.

Source: https://github.com/kubernetes/metrics
"""

from datetime import datetime

from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.shop.cluster.kinds import POD
from lab.shop.cluster.objects import Manifest, timestamp
from lab.shop.cluster.processes import RunningPod
from lab.shop.traffic.saturation import IDLE
from lab.site.mirror import Mirror
from lab.site.simulator import Simulator

GROUP = "metrics.k8s.io"
VERSION = "v1beta1"
_ROOT = f"/apis/{GROUP}/{VERSION}"
_WINDOW = "10s"


class ResourceMetrics:
    """Answers the API server, which forwards what its autoscaler asks."""

    def __init__(self, simulator: Simulator, mirror: Mirror):
        self._simulator = simulator
        self._mirror = mirror

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[Route(_ROOT, self._resources), Route(f"{_ROOT}/namespaces/{{namespace}}/pods", self._pods)]
        )

    async def _resources(self, _: Request) -> Response:
        pods = {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
        found = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}"}
        return JSONResponse({**found, "resources": [pods]})

    async def _pods(self, request: Request) -> Response:
        """The pods of a namespace; of label selectors, equality is understood: an autoscaler asks for no more."""
        namespace = request.path_params["namespace"]
        wanted = dict(pair.split("=", 1) for pair in _pairs(request.query_params.get("labelSelector", "")))
        now = self._simulator.clock.now()
        measured: list[JsonValue] = [
            self._pod(pod, labels, now)
            for pod in self._simulator.programs.pods()
            if pod.namespace == namespace and wanted.items() <= (labels := self._labels(pod)).items()
        ]
        return JSONResponse({"kind": "PodMetricsList", "apiVersion": f"{GROUP}/{VERSION}", "items": measured})

    def _labels(self, pod: RunningPod) -> dict[str, str]:
        stored = self._mirror.find(POD, pod.name, pod.namespace)
        return stored.labels if stored else {}

    def _pod(self, pod: RunningPod, labels: dict[str, str], now: datetime) -> Manifest:
        metadata: Manifest = {"name": pod.name, "namespace": pod.namespace, "labels": {**labels}}
        containers: list[JsonValue] = []
        for process in pod.processes:
            busy = max(IDLE, min(1.0, self._simulator.saturation.utilisation(process)))
            usage: Manifest = {
                "cpu": f"{busy * process.cpu_limit * 1e9:.0f}n",
                "memory": f"{process.memory / 1024:.0f}Ki",
            }
            containers.append({"name": process.container.name, "usage": usage})
        moment: Manifest = {"timestamp": timestamp(now), "window": _WINDOW}
        return {"metadata": metadata, **moment, "containers": containers}


def _pairs(selector: str) -> list[str]:
    return [pair.replace("==", "=") for pair in selector.split(",") if "=" in pair]
