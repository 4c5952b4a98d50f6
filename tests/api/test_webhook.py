"""`POST /alerts/alertmanager`: what is acknowledged is kept; what is wrong is named."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.api import create_app
from tests.api.conftest import ApiWorld as World
from tests.api.conftest import Build
from tests.api.world import BOOTSTRAP
from tests.service.builders import alert_payload, webhook_payload

URL = "/alerts/alertmanager"


async def test_a_webhook_is_acknowledged_and_delivered(world: World) -> None:
    """202 with counts, and the alerts reach the engine under their group's id."""
    response = await world.client.post(URL, json=webhook_payload())
    assert response.status_code == 202
    assert response.json() == {"received": 1, "deduplicated": 0}
    await world.engine.has(1)
    assert world.engine.batches[0].alerts[0].fingerprint == "f1"


async def test_a_repeat_is_deduplicated(world: World) -> None:
    """Alertmanager repeats what still fires; only news is delivered: another status or another start."""
    await world.client.post(URL, json=webhook_payload())
    again = await world.client.post(URL, json=webhook_payload())
    assert again.json() == {"received": 1, "deduplicated": 1}
    resolved = webhook_payload(alert_payload(status="resolved"), alert_payload(startsAt="2026-01-31T10:00:00Z"))
    assert (await world.client.post(URL, json=resolved)).json() == {"received": 2, "deduplicated": 0}
    await world.engine.has(3)
    assert sum(len(batch.alerts) for batch in world.engine.batches) == 3


async def test_alerts_are_kept_while_temporal_is_down(world: World) -> None:
    """202 all the same, and delivery once it is back."""
    world.engine.down = True
    response = await world.client.post(URL, json=webhook_payload())
    assert response.status_code == 202
    await asyncio.sleep(0.05)
    assert world.engine.batches == []
    world.engine.down = False
    await world.engine.has(1)


MALFORMED: dict[str, tuple[bytes, int, str]] = {
    "not json": (b"{nope", 400, "not JSON"),
    "empty": (b"", 400, "not JSON"),
    "not utf-8": (b'{"version": "\xff"}', 400, "not UTF-8"),
    "deeply nested": (b"[" * 100_000, 400, "not JSON"),
    "not an object": (b"[]", 422, "not a JSON object"),
    "wrong version": (json.dumps(webhook_payload(version="3")).encode(), 422, "version"),
    "no group key": (json.dumps({"version": "4", "status": "firing", "alerts": [alert_payload()]}).encode(), 422,
                     "groupKey: Field required"),
    "no alerts": (json.dumps(webhook_payload(alerts=[])).encode(), 422, "alerts"),
    "no labels": (json.dumps(webhook_payload(alert_payload(labels={}))).encode(), 422, "alerts.0: labels"),
    "no start": (json.dumps(webhook_payload(alert_payload(startsAt=None))).encode(), 422, "alerts.0: startsAt"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status", "says"), MALFORMED.values(), ids=MALFORMED)
async def test_a_bad_body_is_a_problem_that_names_the_field(world: World, body: bytes, status: int, says: str) -> None:
    """Bodies that are not a webhook get a problem with the path of what is wrong, and leave nothing behind."""
    response = await world.client.post(URL, content=body)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert says in response.json()["detail"]
    assert (await world.services.mail.depth()).rows == 0


async def test_a_start_before_all_times_costs_no_other_alert(world: World) -> None:
    """The sender's clock is broken, not the webhook: the rest is taken, and the one is named."""
    early = alert_payload(startsAt="0001-01-01T00:00:00+01:00", fingerprint="f2")
    response = await world.client.post(URL, json=webhook_payload(alert_payload(), early))
    assert (response.status_code, response.json()["received"]) == (202, 1)
    (rejected,) = response.json()["rejected"]
    assert rejected["index"] == 1
    assert "startsAt: Value error, in UTC it is outside the years 1 to 9999" in rejected["reason"]


async def test_good_alerts_of_a_partly_bad_post_are_kept(world: World) -> None:
    """One bad alert does not cost the others; it is named by its place."""
    post = webhook_payload(alert_payload(), alert_payload(fingerprint="f2", labels={"bad name": "x"}), {"status": "?"})
    response = await world.client.post(URL, json=post)
    assert response.status_code == 202
    body = response.json()
    assert (body["received"], body["deduplicated"]) == (1, 0)
    assert [item["index"] for item in body["rejected"]] == [1, 2]
    assert "labels" in body["rejected"][0]["reason"]
    await world.engine.has(1)


async def test_an_alert_too_large_for_a_workflow_is_rejected(world: World) -> None:
    """An alert over 64 KiB is named and left out; the others are kept."""
    huge = alert_payload(fingerprint="huge", annotations={f"a{n}": "x" * 4000 for n in range(20)})
    response = await world.client.post(URL, json=webhook_payload(alert_payload(), huge))
    assert response.json()["received"] == 1
    assert "bytes" in response.json()["rejected"][0]["reason"]


async def test_ten_thousand_alerts_in_one_post(world: World) -> None:
    """Accepted if under the size cap, and delivered in batches that fit a workflow's history."""
    alerts = [{"status": "firing", "labels": {"a": str(n)}, "startsAt": "2026-01-31T09:30:00Z"} for n in range(10_000)]
    response = await world.client.post(URL, json=webhook_payload(*alerts))
    assert response.json() == {"received": 10_000, "deduplicated": 0}
    await world.engine.has(10_000)
    assert max(len(batch.model_dump_json()) for batch in world.engine.batches) < 128 * 1024


async def test_a_body_over_the_cap_is_refused(build: Build) -> None:
    """413 as a problem, whether the size is announced or the body comes in chunks without one."""
    world = await build(max_body=10_000)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    for content in (b"x" * 20_000, chunks()):
        response = await world.client.post(URL, content=content)
        assert response.status_code == 413
        assert response.json()["type"] == "urn:triagent:problem:content-too-large"


async def test_senders_need_their_scope(world: World) -> None:
    """`alerts:write` opens the webhook and nothing else."""
    sender = await world.as_("alertmanager", "alerts:write")
    assert (await world.client.post(URL, json=webhook_payload(), headers=sender)).status_code == 202
    assert (await world.client.get("/incidents", headers=sender)).status_code == 403
    reader = await world.as_("viewer", "incidents:read")
    assert (await world.client.post(URL, json=webhook_payload(), headers=reader)).status_code == 403


async def test_nul_characters_do_not_lose_an_alert(world: World) -> None:
    """Text that PostgreSQL cannot store is made storable."""
    post: dict[str, Any] = webhook_payload(alert_payload(annotations={"summary": "a\0b"}))
    assert (await world.client.post(URL, json=post)).json() == {"received": 1, "deduplicated": 0}
    await world.engine.has(1)
    assert world.engine.batches[0].alerts[0].annotations["summary"] == "a\N{REPLACEMENT CHARACTER}b"


async def test_a_sender_that_gives_up_is_not_a_bug(world: World) -> None:
    """A connection that breaks in the middle of the body leaves nothing behind, neither an alert nor an error."""
    sent: list[Any] = []
    messages = iter([{"type": "http.request", "body": b'{"version"', "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {BOOTSTRAP}".encode())]
    scope = {"type": "http", "method": "POST", "path": URL, "raw_path": URL.encode(), "query_string": b"",
             "headers": headers, "client": ("127.0.0.1", 1), "server": ("triagent", 80), "scheme": "http",
             "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"}}  # fmt: skip
    await create_app(world.services)(scope, receive, send)
    assert sent[0]["status"] == 400
    assert (await world.services.mail.depth()).rows == 0
