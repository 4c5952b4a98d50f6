"""Reading incidents: the contract's view, the list, and the stream of facts."""

import asyncio
from typing import Any

import httpx

from tests.api.conftest import ApiWorld as World
from tests.service.builders import closed, opened, plan, until_plan

CONTRACT = {"id", "status", "phase", "title", "severity", "namespace", "service", "alerts", "matches", "evidence",
            "diagnosis", "plan", "decisions", "facts"}  # fmt: skip


async def test_one_incident_is_shown_as_the_contract_says(world: World) -> None:
    """Evidence, diagnosis with `kind/name` objects, and a plan card whose actions are flat."""
    await world.services.facts.append(until_plan(quorum=2))
    view: dict[str, Any] = (await world.client.get("/incidents/i-1")).json()
    assert view.keys() >= CONTRACT
    assert (view["status"], view["phase"]) == ("awaiting_approval", "REMEDIATION")
    assert view["evidence"][0].keys() >= {"id", "kind", "source", "query", "summary", "digest"}
    cause = view["diagnosis"]["causes"][0]
    assert (cause["cause"], cause["object"]) == ("bad_release", "deployment/checkout")
    assert cause["claims"][0]["evidence"] == ["e-0123456789"]
    card = view["plan"]
    assert card["digest"] == plan().digest
    assert card["quorum"] == 2
    assert card["expires_at"] == plan().expires_at.isoformat().replace("+00:00", "Z")
    action = card["actions"][0]
    assert (action["type"], action["application"], action["history_id"]) == ("rollback_application", "checkout", 3)
    assert action["inverse"]["type"] == "sync_application"
    assert action.keys() >= {"risk", "precondition", "predicted_effect"}
    assert [fact["type"] for fact in view["facts"]] == [fact.type for fact in until_plan()]
    assert all(fact.keys() >= {"id", "type", "at"} for fact in view["facts"])
    assert view["alerts"][0]["startsAt"] == "2026-01-31T09:30:00Z"


async def test_the_list_filters(world: World) -> None:
    """By status, by an alert's fingerprint, and to a limit; an unknown status is a problem."""
    await world.services.facts.append([*until_plan("i-1"), opened("i-2"), closed("i-2")])

    async def ids(**params: Any) -> list[str]:
        return [item["id"] for item in (await world.client.get("/incidents", params=params)).json()]

    assert set(await ids()) == {"i-1", "i-2"}
    assert await ids(status="resolved") == ["i-2"]
    assert set(await ids(status=["resolved", "awaiting_approval"])) == {"i-1", "i-2"}
    assert len(await ids(limit=1)) == 1
    assert set(await ids(fingerprint="f1")) == {"i-1", "i-2"}
    assert await ids(fingerprint="other") == []
    assert (await world.client.get("/incidents", params={"status": "nope"})).status_code == 422


async def test_an_unknown_incident_is_a_404_problem(world: World) -> None:
    """With its path as the instance."""
    response = await world.client.get("/incidents/none")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:triagent:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "no incident none",
        "instance": "/incidents/none",
    }


def events(text: str) -> list[tuple[str, str]]:
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    return [(block["id"], block["event"]) for block in blocks if "event" in block]


async def test_the_stream_of_a_closed_incident_ends(world: World) -> None:
    """Every fact once, numbered from 1; then the stream is over, and a reader who has it all gets 204."""
    history = (*until_plan(), closed())
    await world.services.facts.append(history)
    response = await world.client.get("/incidents/i-1/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert events(response.text) == [(str(n), fact.type) for n, fact in enumerate(history, start=1)]
    resumed = await world.client.get("/incidents/i-1/events", headers={"Last-Event-ID": "4"})
    assert events(resumed.text) == [("5", "RemediationProposed"), ("6", "IncidentClosed")]
    assert (await world.client.get("/incidents/i-1/events", headers={"Last-Event-ID": "6"})).status_code == 204


async def test_the_stream_shows_facts_as_they_happen(world: World) -> None:
    """A fact appended while somebody reads reaches them without a poll's delay."""
    await world.services.facts.append(until_plan())
    reading = asyncio.create_task(world.client.get("/incidents/i-1/events"))
    await asyncio.sleep(0.2)
    assert not reading.done()
    await world.services.facts.append([closed()])
    async with asyncio.timeout(2):
        response: httpx.Response = await reading
    assert events(response.text)[-1] == ("6", "IncidentClosed")
