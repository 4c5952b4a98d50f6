"""`POST /ask`, at once and as a stream."""

import json

from tests.api.conftest import ApiWorld as World


async def test_an_answer_cites_its_evidence(world: World) -> None:
    """Claims carry the ids of evidence that comes with them."""
    answer = (await world.client.post("/ask", json={"question": "why does checkout fail?"})).json()
    assert answer["claims"][0]["evidence"] == [answer["evidence"][0]["id"]]
    assert answer["sufficient"]


async def test_a_stream_is_served_to_those_who_accept_one(world: World) -> None:
    """Steps as they happen, then the answer."""
    headers = {"Accept": "text/event-stream"}
    response = await world.client.post("/ask", json={"question": "why does checkout fail?"}, headers=headers)
    assert response.headers["content-type"].startswith("text/event-stream")
    kinds = [line.removeprefix("event: ") for line in response.text.splitlines() if line.startswith("event: ")]
    assert kinds == ["step", "answer"]
    last = json.loads(response.text.strip().splitlines()[-1].removeprefix("data: "))
    assert last == (await world.client.post("/ask", json={"question": "why does checkout fail?"})).json()


async def test_a_failure_midway_is_the_last_event(world: World) -> None:
    """The status is sent already, so the problem comes as an event."""
    headers = {"Accept": "text/event-stream"}
    response = await world.client.post("/ask", json={"question": "explode"}, headers=headers)
    assert "event: problem" in response.text
    assert (await world.client.post("/ask", json={"question": "explode"})).status_code == 503


async def test_an_empty_question_is_422(world: World) -> None:
    """There is nothing to look for."""
    assert (await world.client.post("/ask", json={"question": ""})).status_code == 422
