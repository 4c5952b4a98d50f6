"""The part of a kubelet's API that `kubectl logs` needs: the API server asks the pod's node for its log."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lab.shop.cluster.errors import BadRequestError
from lab.shop.kubernetes.pod_log import LogQuery, log_text
from lab.site.simulator import Simulator


class NodeLogs:
    """Answers for all nodes."""

    def __init__(self, simulator: Simulator):
        self._simulator = simulator

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(routes=[Route("/containerLogs/{namespace}/{pod}/{container}", self._log)])

    async def _log(self, request: Request) -> Response:
        """What the container wrote; following is not offered."""
        where = request.path_params
        process = self._simulator.programs.process(where["namespace"], where["pod"], where["container"])
        if process is None:
            return PlainTextResponse(f'pod "{where["pod"]}" not found', 404)
        try:
            query = LogQuery.parse(dict(request.query_params))
        except BadRequestError as exc:
            return PlainTextResponse(str(exc), 400)
        return PlainTextResponse(log_text(process, query, self._simulator.clock.now()))
