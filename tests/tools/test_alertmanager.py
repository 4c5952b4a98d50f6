from collections.abc import Callable

import httpx
import pytest

from domain.errors import UpstreamGarbled
from tools.alertmanager.read import AlertmanagerReader
from tools.http import Upstream

Build = Callable[..., Upstream]
ALERT = {
    "fingerprint": "b2c",
    "labels": {"alertname": "HighErrorRatio", "service": "checkout"},
    "annotations": {"summary": "login failed, password=hunter2"},
    "status": {"state": "suppressed", "silencedBy": ["s1"], "inhibitedBy": []},
    "startsAt": "2026-11-21T12:00:00.000Z",
    "endsAt": "2026-11-21T12:05:00.000Z",
    "updatedAt": "2026-11-21T12:01:00.000Z",
    "generatorURL": "http://prometheus.test/graph",
    "receivers": [{"name": "triage"}],
}


async def test_active_alerts_are_read_with_their_filters(upstream: Build):
    """Matchers go to the server; silences come back; secrets do not."""

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.params.get_list("filter") == ['namespace="shop"', "severity=~critical|warning"]
        return httpx.Response(200, json=[ALERT])

    reading = await AlertmanagerReader(upstream(handler)).alerts(('namespace="shop"', "severity=~critical|warning"))
    (alert,) = reading.value
    assert (alert.fingerprint, alert.state, alert.silenced_by) == ("b2c", "suppressed", ("s1",))
    assert alert.annotations == {"summary": "login failed, password=[redacted]"}


@pytest.mark.parametrize("body", [{}, None, [{}], [{**ALERT, "startsAt": "yesterday"}], [{**ALERT, "status": {}}]])
async def test_other_shapes_are_garbled(upstream: Build, body: object):
    """JSON that is not Alertmanager's is told, not guessed at."""
    with pytest.raises(UpstreamGarbled):
        await AlertmanagerReader(upstream(lambda _: httpx.Response(200, json=body))).alerts()
