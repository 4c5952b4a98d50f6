"""Health, readiness, metrics, and that every error is a problem."""

import asyncio
import sqlite3
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import ApiWorld as World
from tests.api.conftest import Build
from tests.service.builders import closed, until_plan, webhook_payload


async def test_readiness_names_every_part(world: World) -> None:
    """Up, down with a reason, or not configured; Temporal down is degraded, and alerts are still taken."""
    ready = await world.client.get("/readyz", headers={"Authorization": ""})
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert ready.json()["parts"]["tempo"]["state"] == "not configured"
    world.engine.down = True
    degraded = await world.client.get("/readyz")
    assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")
    assert degraded.json()["parts"]["temporal"] == {"state": "down", "reason": "temporal: connection refused"}
    assert (await world.client.get("/healthz")).json() == {"status": "ok"}


async def test_without_the_database_nothing_is_promised(world: World, tmp_path: Path) -> None:
    """503 from readiness and from the webhook, so that Alertmanager tries again."""
    blocker = sqlite3.connect(tmp_path / "triagent.db")
    blocker.execute("DROP TABLE inbox")
    blocker.commit()
    blocker.close()
    response = await world.client.post("/alerts/alertmanager", json=webhook_payload())
    assert response.status_code == 503


async def test_metrics_count_facts_and_requests(world: World) -> None:
    """Runs by result, events by name, requests by route; open to scrapers."""
    await world.services.facts.append([*until_plan(), closed(seconds=40)])
    await world.client.get("/incidents/i-1")
    await world.client.get("/no-such-page")
    text = (await world.client.get("/metrics", headers={"Authorization": ""})).text
    assert 'workflow_run_duration_seconds_bucket{le="60.0",result="resolved",workflow="incident_triage"} 1.0' in text
    assert 'workflow_run_duration_seconds_sum{result="resolved",workflow="incident_triage"} 30.0' in text
    assert 'domain_events_total{event="workflow_incident_triage_remediation_proposed",result="ok"} 1.0' in text
    assert 'route="/incidents/{incident_id}",status="200"' in text
    assert 'route="unmatched",status="404"' in text
    assert "inbox_depth 0.0" in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/no-such-page", 404), ("PUT", "/incidents", 405), ("GET", "/incidents?limit=0", 422)],
)
async def test_framework_errors_are_problems_too(world: World, method: str, path: str, status: int) -> None:
    """Type, title, status, detail and instance, whoever found the error."""
    response = await world.client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json().keys() >= {"type", "title", "status", "detail", "instance"}


async def test_a_bug_is_a_problem_without_details(world: World, tmp_path: Path) -> None:
    """500 says that it is our fault and nothing about the inside."""
    connection = sqlite3.connect(tmp_path / "triagent.db")
    connection.execute(
        "INSERT INTO incidents (id, status, severity, opened_at, updated_at, awaited, facts, doc)"
        " VALUES ('broken', 'triaging', 'none', '2026-01-31', '2026-01-31', 0, 1, '{}')"
    )
    connection.commit()
    connection.close()
    response = await world.client.get("/incidents/broken")
    assert response.status_code == 500
    assert response.json()["type"] == "urn:triagent:problem:internal-error"
    assert "validation" not in response.text


async def test_a_rate_limit_spares_webhooks(build: Build) -> None:
    """429 with a time to come back, for everybody's token apart; alert storms are never refused."""
    world = await build(rate_limit="3/minute")
    statuses = [(await world.client.get("/incidents")).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    other = await world.as_("other", "incidents:read")
    assert (await world.client.get("/incidents", headers=other)).status_code == 200
    posts = await asyncio.gather(
        *(world.client.post("/alerts/alertmanager", json=webhook_payload(group=f"g{n}")) for n in range(10))
    )
    assert {post.status_code for post in posts} == {202}


async def test_concurrent_webhooks_share_transactions(world: World) -> None:
    """A hundred at once are all acknowledged and all delivered, each group's in one piece."""

    async def post(number: int) -> httpx.Response:
        alert = {"status": "firing", "labels": {"n": str(number)}, "startsAt": "2026-01-31T09:30:00Z"}
        body = webhook_payload(alert, group=f"g{number % 10}")
        return await world.client.post("/alerts/alertmanager", json=body)

    responses = await asyncio.gather(*(post(number) for number in range(100)))
    assert {response.status_code for response in responses} == {202}
    await world.engine.has(100)
    assert len({batch.group_id for batch in world.engine.batches}) == 10
