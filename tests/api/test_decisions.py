"""Approve, reject, modify, escalate, cancel: who may, what about, and how often."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.policy import Role
from service.store.audit import AuditFilter
from tests.api.conftest import ApiWorld as World
from tests.service.builders import closed, plan, proposed, until_plan


async def decide(world: World, kind: str, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
    body.setdefault("plan_digest", plan().digest)
    return await world.client.post(f"/incidents/i-1/{kind}", json=body, headers=headers or {})


async def audited(world: World) -> list[tuple[str, str, str]]:
    entries = await world.services.audit.entries(AuditFilter())
    return [(entry.actor, entry.action, entry.result) for entry in reversed(entries)]


@pytest.fixture
async def reviewed(world: World) -> World:
    """A world with a plan under review."""
    await world.services.facts.append(until_plan())
    return world


async def test_an_approval_returns_the_new_state(reviewed: World) -> None:
    """200 with the incident as it is now, where its gate stands, and an audit entry."""
    alice = await reviewed.as_("alice", "incidents:decide", "incidents:read", roles=("approver",))
    response = await decide(reviewed, "approve", alice, reason="looks right")
    assert response.status_code == 200
    state = response.json()
    assert (state["status"], state["outcome"], state["approvals"], state["quorum"]) == ("executing", "approved", 1, 1)
    assert state["decisions"][0]["actor"] == "alice"
    assert await audited(reviewed) == [("alice", "incident.approve", "approved")]


async def test_a_quorum_needs_different_people(reviewed: World) -> None:
    """The same person twice is 409; the second person completes it."""
    reviewed.engine.quorum = 2
    alice = await reviewed.as_("alice", "incidents:decide", roles=("approver",))
    bob = await reviewed.as_("bob", "incidents:decide", roles=("admin",))
    assert (await decide(reviewed, "approve", alice)).json()["outcome"] == "pending"
    assert (await decide(reviewed, "approve", alice)).status_code == 409
    assert (await decide(reviewed, "approve", bob)).json()["outcome"] == "approved"


async def test_a_key_makes_a_repeat_count_once(reviewed: World) -> None:
    """The same `Idempotency-Key` gets the first answer again; somebody else's same key is another decision."""
    reviewed.engine.quorum = 2
    alice = await reviewed.as_("alice", "incidents:decide", roles=("approver",)) | {"Idempotency-Key": "k1"}
    bob = await reviewed.as_("bob", "incidents:decide", roles=("approver",)) | {"Idempotency-Key": "k1"}
    first = await decide(reviewed, "approve", alice)
    again = await decide(reviewed, "approve", alice)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["outcome"] == first.json()["outcome"] == "pending"
    assert (await decide(reviewed, "approve", bob)).json()["outcome"] == "approved"


OTHERS: dict[str, dict[str, Any]] = {
    "another plan": {"plan_digest": "0" * 64},
    "another reason": {"plan_digest": plan().digest, "reason": "on second thoughts"},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_a_key_is_for_one_decision(reviewed: World, other: dict[str, Any]) -> None:
    """Used again for something else it is refused: nobody is told that this was approved. The refusal is audited."""
    reviewed.engine.quorum = 2
    alice = await reviewed.as_("alice", "incidents:decide", roles=("approver",)) | {"Idempotency-Key": "k1"}
    assert (await decide(reviewed, "approve", alice)).status_code == 200
    response = await decide(reviewed, "approve", alice, **other)
    assert (response.status_code, response.json()["type"]) == (422, "urn:triagent:problem:invalid-input")
    assert "a new decision needs a new key" in response.json()["detail"]
    assert [result for _, _, result in await audited(reviewed)] == ["pending", "invalid-input"]


async def test_a_key_of_a_changed_plan_is_for_that_change(reviewed: World) -> None:
    """The same change again is answered as before; another change under the same key is not taken for it."""
    card = (await reviewed.client.get("/incidents/i-1")).json()["plan"]
    card["actions"][0]["history_id"] = 2
    key = {"Idempotency-Key": "k1"}
    first, again = [await decide(reviewed, "modify", key, plan=card) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    card["actions"][0]["history_id"] = 1
    assert (await decide(reviewed, "modify", key, plan=card)).status_code == 422


async def test_rejection_closes_the_incident(reviewed: World) -> None:
    """And every decision after the end is 409, whoever makes it."""
    response = await decide(reviewed, "reject", reason="not now")
    assert (response.status_code, response.json()["status"]) == (200, "rejected")
    for kind in ("approve", "reject", "cancel", "escalate"):
        late = await decide(reviewed, kind)
        assert (late.status_code, late.json()["type"]) == (409, "urn:triagent:problem:already-decided")


async def test_a_stale_digest_is_a_conflict(reviewed: World) -> None:
    """A decision about another plan than the one under review is 409 and recorded as refused."""
    response = await decide(reviewed, "approve", plan_digest="0" * 64)
    assert (response.status_code, response.json()["type"]) == (409, "urn:triagent:problem:stale-digest")
    assert await audited(reviewed) == [("bootstrap", "incident.approve", "stale-digest")]


async def test_an_expired_plan_cannot_be_approved(world: World) -> None:
    """409, before the workflow has noticed and after it has closed the incident."""
    old = plan(expires_in=timedelta(hours=24))
    await world.services.facts.append([*until_plan()[:-1], proposed(old)])
    response = await decide(world, "approve", plan_digest=old.digest)
    assert (response.status_code, response.json()["type"]) == (409, "urn:triagent:problem:approval-expired")
    await world.services.facts.append([closed(status="expired")])
    assert (await decide(world, "approve", plan_digest=old.digest)).status_code == 409


@pytest.mark.parametrize(
    ("scopes", "roles", "status"),
    [
        (("incidents:read",), ("approver",), 403),
        (("incidents:decide",), (), 403),
        (("incidents:decide",), ("responder",), 403),
        (("incidents:decide",), ("approver",), 200),
    ],
    ids=["no scope", "no role", "role too low for the risk", "approver"],
)
async def test_who_may_approve(reviewed: World, scopes: Any, roles: tuple[Role, ...], status: int) -> None:
    """The scope opens the door, the role makes the approval count; every refusal is audited."""
    carol = await reviewed.as_("carol", *scopes, roles=roles)
    response = await decide(reviewed, "approve", carol)
    assert response.status_code == status
    assert len(await audited(reviewed)) == 1
    assert (await audited(reviewed))[0][0] == "carol"


async def test_a_plan_card_can_be_changed_and_sent_back(reviewed: World) -> None:
    """What the card only shows is dropped and read again live; approval is asked for the new digest."""
    card = (await reviewed.client.get("/incidents/i-1")).json()["plan"]
    card["actions"][0]["history_id"] = 2
    card["actions"][0]["revision"] = "aaa111"
    card["actions"][0]["risk"] = "low"
    card["actions"][0]["precondition"]["uid"] = "forged"
    response = await decide(reviewed, "modify", plan=card)
    assert response.status_code == 200
    changed = response.json()["plan"]
    assert changed["digest"] != plan().digest
    action = changed["actions"][0]
    assert (action["history_id"], action["risk"], action["precondition"]["uid"]) == (2, "medium", "u1")
    assert (await decide(reviewed, "approve")).status_code == 409
    dora = await reviewed.as_("dora", "incidents:decide", roles=("approver",))
    assert (await decide(reviewed, "approve", dora, plan_digest=changed["digest"])).status_code == 200


CHECKOUT = {"namespace": "shop", "name": "checkout"}
ROLLBACK = {"type": "rollback_application", "application": "a", "history_id": 1, "revision": "b"}
BAD_PLANS: dict[str, Any] = {
    "no actions": {"actions": []},
    "unknown type": {"actions": [{"type": "delete_everything"}]},
    "typo": {"actions": [{"type": "scale_workload", "workload": CHECKOUT, "replica": 3}]},
    "name with spaces": {"actions": [{"type": "restart_workload", "workload": {**CHECKOUT, "name": "rm -rf"}}]},
    "not a list": {"actions": "restart checkout"},
    "too many": {"actions": [ROLLBACK, ROLLBACK]},
}


@pytest.mark.parametrize("changed", BAD_PLANS.values(), ids=BAD_PLANS)
async def test_a_bad_modification_is_422(reviewed: World, changed: Any) -> None:
    """With every reason; the plan under review stays as it was."""
    response = await decide(reviewed, "modify", plan=changed)
    assert response.status_code == 422
    assert response.json()["errors"]
    assert (await reviewed.client.get("/incidents/i-1")).json()["plan"]["digest"] == plan().digest


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("approve", {"plan_digest": None}),
        ("modify", {}),
        ("approve", {"plan": {"actions": []}}),
        ("approve", {"force": True}),
    ],
    ids=["no digest", "modify without a plan", "approve with a plan", "unknown field"],
)
async def test_an_incomplete_decision_is_422(reviewed: World, kind: str, body: dict[str, Any]) -> None:
    """Nothing is decided by halves."""
    response = await decide(reviewed, kind, **body)
    assert response.status_code == 422
    assert (await reviewed.client.get("/incidents/i-1")).json()["decisions"] == []


REFUSED_BODIES: dict[str, tuple[bytes, int, str]] = {
    "unknown field": (b'{"plan_digest": "00", "force": true}', 422, "body.force: Extra inputs are not permitted"),
    "wrong type": (b'{"reason": 1}', 422, "body.reason: Input should be a valid string"),
    "no object": (b"[]", 422, "body: "),
    "no body": (b"", 422, "body: Field required"),
    "no JSON": (b"{", 400, "JSON decode error"),
}


@pytest.mark.parametrize(("content", "status", "why"), REFUSED_BODIES.values(), ids=REFUSED_BODIES)
async def test_a_body_that_is_no_decision_is_audited(reviewed: World, content: bytes, status: int, why: str) -> None:
    """Who tried what about which incident, from where, and why it was refused."""
    alice = await reviewed.as_("alice", "incidents:decide", roles=("approver",))
    headers = alice | {"Content-Type": "application/json"}
    response = await reviewed.client.post("/incidents/i-1/approve", content=content, headers=headers)
    assert response.status_code == status
    (entry,) = await reviewed.services.audit.entries(AuditFilter())
    assert (entry.actor, entry.action, entry.target) == ("alice", "incident.approve", "i-1")
    assert (entry.result, entry.ip) == ("invalid", "127.0.0.1")
    assert why in entry.detail


@pytest.mark.parametrize(
    ("headers", "status", "result"),
    [({"Authorization": ""}, 401, "missing_token"), (None, 403, "forbidden")],
    ids=["nobody", "no scope"],
)
async def test_who_may_not_decide_learns_nothing_from_a_bad_body(
    reviewed: World, headers: dict[str, str] | None, status: int, result: str
) -> None:
    """They are refused and audited as with a good one."""
    asking = (headers or await reviewed.as_("carol", "incidents:read")) | {"Content-Type": "application/json"}
    response = await reviewed.client.post("/incidents/i-1/approve", content=b"{", headers=asking)
    assert response.status_code == status
    assert [entry[2] for entry in await audited(reviewed)] == [result]


async def test_nothing_is_decided_while_temporal_is_down(reviewed: World) -> None:
    """503 with a time to come back, audited as failed; the same decision works later."""
    reviewed.engine.down = True
    response = await decide(reviewed, "approve")
    assert response.status_code == 503
    assert response.headers["retry-after"]
    assert (await reviewed.client.get("/incidents/i-1")).json()["decisions"] == []
    reviewed.engine.down = False
    assert (await decide(reviewed, "approve")).status_code == 200
    assert [result for _, _, result in await audited(reviewed)] == ["upstream-unavailable", "approved"]


async def test_escalation_and_cancellation_need_no_digest(reviewed: World) -> None:
    """They end the triage whatever the plan is."""
    response = await reviewed.client.post("/incidents/i-1/escalate", json={"reason": "get help"})
    assert (response.status_code, response.json()["status"]) == (200, "escalated")


async def test_deciding_about_an_unknown_incident_is_404(world: World) -> None:
    """And audited all the same."""
    assert (await decide(world, "approve")).status_code == 404
    assert await audited(world) == [("bootstrap", "incident.approve", "not-found")]
