"""Tokens, refusals, and the audit log over HTTP."""

import httpx
import pytest

from service.store.audit import AuditFilter
from tests.api.conftest import ApiWorld as World
from tests.api.world import BOOTSTRAP

ROUTES = [
    ("POST", "/alerts/alertmanager"),
    ("GET", "/incidents"),
    ("GET", "/incidents/i-1"),
    ("GET", "/incidents/i-1/events"),
    ("POST", "/incidents/i-1/approve"),
    ("POST", "/ask"),
    ("GET", "/audit-logs"),
    ("GET", "/audit-logs/verify"),
    ("GET", "/tokens"),
    ("POST", "/tokens"),
    ("DELETE", "/tokens/alice"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_needs_a_token(world: World, method: str, path: str) -> None:
    """401 as a problem, with the challenge; only health, readiness and metrics are open."""
    request = httpx.Request(method, f"http://triagent{path}", json={})
    response = await world.client.send(request)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, "missing_token"),
        ("Bearer", "missing_token"),
        ("Bearer nope", "invalid_token"),
        (f"Basic {BOOTSTRAP}", "invalid_token"),
        (f"Bearer {BOOTSTRAP}x", "invalid_token"),
    ],
)
async def test_unauthorised_attempts_are_audited(world: World, authorization: str | None, status: str) -> None:
    """With what was wrong, where from, and what for."""
    headers = {"Authorization": authorization} if authorization else {}
    response = await world.client.send(httpx.Request("GET", "http://triagent/incidents", headers=headers))
    assert response.status_code == 401
    (entry,) = await world.services.audit.entries(AuditFilter())
    assert (entry.actor, entry.result, entry.target) == ("anonymous", status, "GET /incidents")
    assert entry.ip


async def test_a_flood_of_bad_tokens_makes_few_entries(world: World) -> None:
    """Equal attempts of a minute are two entries: the first at once, the rest as a count."""
    for _ in range(50):
        await world.client.send(httpx.Request("GET", "http://triagent/incidents"))
    await world.services.refusals.flush()
    entries = await world.services.audit.entries(AuditFilter())
    assert [entry.count for entry in entries] == [49, 1]


async def test_the_life_of_a_token(world: World) -> None:
    """Made, shown once, used under its name, listed without its secret, revoked at once."""
    wanted = {"name": "alice", "scopes": ["incidents:read"], "roles": ["approver"], "expires_in_days": 30}
    made = await world.client.post("/tokens", json=wanted)
    assert made.status_code == 201
    secret = made.json()["token"]
    alice = {"Authorization": f"Bearer {secret}"}
    assert (await world.client.get("/incidents", headers=alice)).status_code == 200
    assert (await world.client.get("/tokens", headers=alice)).status_code == 403
    listed = await world.client.get("/tokens")
    assert secret not in listed.text
    assert listed.json()[0]["last_used_at"]
    assert (await world.client.post("/tokens", json=wanted)).status_code == 409
    assert (await world.client.delete("/tokens/alice")).status_code == 204
    assert (await world.client.get("/incidents", headers=alice)).status_code == 401
    assert (await world.client.delete("/tokens/alice")).status_code == 404
    assert (await world.client.post("/tokens", json=wanted)).status_code == 201


async def test_nobody_grants_more_than_they_have(world: World) -> None:
    """A token that may make tokens is not an admin; an admin may grant anything, except the name of the bootstrap."""
    maker = await world.as_("maker", "tokens:write")
    for extra in ({"scopes": ["incidents:decide"]}, {"scopes": ["tokens:write"], "roles": ["admin"]}):
        response = await world.client.post("/tokens", json={"name": "mallory", **extra}, headers=maker)
        assert response.status_code == 403
    impostor = {"name": "bootstrap", "scopes": ["ask"]}
    assert (await world.client.post("/tokens", json=impostor)).status_code == 409


async def test_the_audit_log_is_listed_and_verified(world: World) -> None:
    """Newest first, by filter and page; changed entries are found."""
    for name in ("alice", "bob"):
        await world.client.post("/tokens", json={"name": name, "scopes": ["ask"]})
    entries = (await world.client.get("/audit-logs", params={"action": "token.create"})).json()
    assert [entry["target"] for entry in entries] == ["bob", "alice"]
    page = (await world.client.get("/audit-logs", params={"before": entries[0]["number"]})).json()
    assert [entry["target"] for entry in page] == ["alice"]
    verified = (await world.client.get("/audit-logs/verify")).json()
    assert (verified["intact"], verified["entries"], verified["head"]) == (True, 2, entries[0]["digest"])
