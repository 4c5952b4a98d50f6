"""Alertmanager's API v2 over recorded alerts.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tools.documents import JsonObject, strings_at

_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"?((?:[^"\\]|\\.)*)"?\s*')


@dataclass(frozen=True)
class AlertmanagerReplay:
    """Answers with `alerts`, as its own API gave them."""

    alerts: Sequence[JsonObject]

    def routes(self) -> Sequence[Route]:
        """For a Starlette application."""
        return [Route("/api/v2/alerts", self._alerts), Route("/api/v2/status", self._status)]

    async def _alerts(self, request: Request) -> Response:
        tests: list[Callable[[Mapping[str, str]], bool]] = []
        for text in request.query_params.getlist("filter"):
            found = _MATCHER.fullmatch(text)
            if found is None:
                return JSONResponse(f"bad matcher format: {text}", 400)
            tests.append(_test(found[1], found[2], found[3]))
        kept = [alert for alert in self.alerts if all(test(strings_at(alert, "labels")) for test in tests)]
        return JSONResponse(kept)

    async def _status(self, request: Request) -> Response:
        del request
        return JSONResponse({"cluster": {"status": "disabled", "peers": []}, "versionInfo": {"version": "0.25.0"}})


def _test(name: str, operator: str, value: str) -> Callable[[Mapping[str, str]], bool]:
    pattern = re.compile(value if operator.endswith("~") else re.escape(value))
    wanted = not operator.startswith("!")
    return lambda labels: (pattern.fullmatch(labels.get(name, "")) is not None) is wanted
