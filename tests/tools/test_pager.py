import json

import httpx
import pytest

from domain.errors import Misconfigured, UpstreamRejected, UpstreamUnavailable
from tests.tools.conftest import Shop
from tests.tools.peers import FAST
from tools.pager.write import Page, Pager

PAGE = Page(
    incident_id="inc-1",
    title="HighErrorRatio on checkout",
    severity="critical",
    summary="the change was undone and errors go on",
    url="https://triagent.test/incidents/inc-1",
)


def recording(requests: list[httpx.Request], status: int = 202) -> httpx.MockTransport:
    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, text="accepted")

    return httpx.MockTransport(handler)


async def test_pagerduty_gets_an_event_with_the_incident_as_key():
    """Events API v2: the same incident rings once."""
    requests: list[httpx.Request] = []
    url = "https://events.pagerduty.test/v2/enqueue"
    await Pager(url, routing_key="r0uting", transport=recording(requests)).page(PAGE)
    (request,) = requests
    assert str(request.url) == url
    body = json.loads(request.content)
    assert (body["routing_key"], body["event_action"], body["dedup_key"]) == ("r0uting", "trigger", "inc-1")
    assert body["payload"]["severity"] == "critical"
    assert body["links"] == [{"href": PAGE.url, "text": "incident"}]


async def test_a_long_summary_fits_pagerduty():
    """Its limit is 1024 characters; an event over it would be refused, and nobody would be woken."""
    requests: list[httpx.Request] = []
    page = PAGE.model_copy(update={"summary": "x" * 5000})
    await Pager("https://events.pagerduty.test", routing_key="r", transport=recording(requests)).page(page)
    assert len(json.loads(requests[0].content)["payload"]["summary"]) == 1024


async def test_a_webhook_gets_the_page_at_its_exact_address():
    """Path and query are kept to the last character; the token goes along."""
    requests: list[httpx.Request] = []
    url = "https://hooks.test/a/b%2Fc?key=1&x="
    await Pager(url, token="t0ken", transport=recording(requests)).page(PAGE)
    (request,) = requests
    assert str(request.url) == url
    assert request.headers["authorization"] == "Bearer t0ken"
    assert json.loads(request.content)["dedup_key"] == "inc-1"


@pytest.mark.parametrize(
    ("status", "error"), [(500, UpstreamUnavailable), (429, UpstreamUnavailable), (400, UpstreamRejected)]
)
async def test_a_page_that_does_not_get_through_is_an_error(status: int, error: type[Exception]):
    """Whoever must be woken is not forgotten quietly."""
    with pytest.raises(error):
        await Pager("https://hooks.test/x", policy=FAST, transport=recording([], status)).page(PAGE)


def test_an_address_that_is_none_is_misconfigured():
    """It is told at start-up, without showing the address."""
    for url in ("hooks.test/s3cr3t", "https://hooks.test:port/s3cr3t"):
        with pytest.raises(Misconfigured) as caught:
            Pager(url)
        assert "s3cr3t" not in str(caught.value)


async def test_the_labs_receiver_shows_the_page(shop: Shop):
    """What a webhook receiver gets is what was sent."""
    pager = Pager(f"{shop.control}/pages")
    await pager.page(PAGE)
    await pager.aclose()
    assert shop.pages()[-1]["incident_id"] == "inc-1"
