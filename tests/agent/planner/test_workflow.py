import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pydantic_ai.models
import pytest
from pydantic_ai.durable_exec.temporal import AgentPlugin, PydanticAIPlugin
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.exceptions import CancelledError
from temporalio.worker import Replayer, Worker

from agent.investigation import Investigation
from agent.planner import Planner
from domain.policy import Policy
from evals.llm.server import calls, model_server
from lab.process import Servers, free_port
from lab.servers import temporal
from tests.agent.planner import investigating
from tests.agent.planner.conftest import MakePlanner
from tests.agent.planner.installed import install
from tests.agent.planner.world import World, brief

pytestmark = pytest.mark.temporal

PATIENCE = 30.0
EVENT_LIMIT = 100_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Temporal dev server."""
    folder = tmp_path_factory.mktemp("temporal")
    with Servers(folder / "logs") as servers:
        yield temporal(servers, folder).address


@asynccontextmanager
async def started(address: str, planner: Planner) -> AsyncIterator[WorkflowHandle[object, Investigation]]:
    """An investigation under way, sandbox on."""
    client = await Client.connect(address, plugins=[PydanticAIPlugin()])
    install(planner)
    queue = f"q-{uuid4().hex[:8]}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=[investigating.Investigating],
        activities=[investigating.record],
        plugins=[AgentPlugin(planner.agent)],
    ):
        yield await client.start_workflow(investigating.Investigating.run, brief(), id=queue, task_queue=queue)
    await planner.close()


async def investigated(address: str, planner: Planner) -> tuple[Investigation, WorkflowHistory]:
    async with started(address, planner) as handle:
        result = await asyncio.wait_for(handle.result(), PATIENCE)
        return result, await handle.fetch_history()


async def replayed(history: WorkflowHistory) -> Exception | None:
    replayer = Replayer(workflows=[investigating.Investigating], plugins=[PydanticAIPlugin()])
    return (await replayer.replay_workflow(history)).replay_failure


async def test_investigates_in_a_workflow_as_outside_of_one(address: str, planner: Planner) -> None:
    """The same world gives the same diagnosis and draft, wherever the planner runs."""
    outside = await planner.investigate(brief())

    inside, _ = await investigated(address, planner)

    assert inside.diagnosis.causes == outside.diagnosis.causes
    assert inside.draft == outside.draft
    assert {item.id for item in inside.evidence} == {item.id for item in outside.evidence}


async def test_replays_after_settings_have_changed(address: str, make_planner: MakePlanner) -> None:
    """A history replays without difference, also where the policy has become another since."""
    _, history = await investigated(address, make_planner())

    install(make_planner(Policy(forbidden_namespaces=("shop",), max_replicas=1)))

    assert await replayed(history) is None


async def test_events_stay_small(address: str, planner: Planner) -> None:
    """No event of an investigation's history is larger than 100 KB."""
    _, history = await investigated(address, planner)

    assert max(event.ByteSize() for event in history.events) < EVENT_LIMIT


async def test_every_activity_is_bounded(address: str, planner: Planner) -> None:
    """Model requests end within 60 s, tools within 45, and all attempts of either within 100."""
    _, history = await investigated(address, planner)

    scheduled = [event.activity_task_scheduled_event_attributes for event in history.events]
    bounds = {
        attributes.activity_type.name: (
            attributes.start_to_close_timeout.ToSeconds(),
            attributes.schedule_to_close_timeout.ToSeconds(),
            attributes.retry_policy.maximum_attempts,
        )
        for attributes in scheduled
        if attributes.activity_type.name.startswith("agent__")
    }
    assert bounds == {
        "agent__triage__model_request": (60, 100, 2),
        "agent__triage__toolset__evidence__call_tool": (45, 100, 12),
        "agent__triage__capability__plan_review__review": (45, 100, 12),
    }


async def test_a_dead_model_falls_back_in_a_workflow(address: str, make_planner: MakePlanner) -> None:
    """A model nobody serves costs its two attempts; then the offline model has the case, and the history replays."""
    planner = make_planner(model="openai:stub", base_url=f"http://127.0.0.1:{free_port()}/v1")
    with pydantic_ai.models.override_allow_model_requests(True):
        result, history = await investigated(address, planner)

    assert (result.planner, result.diagnosis.causes[0].cause) == ("offline", "incorrect_image_reference")
    assert result.fell_back
    requests = [
        event
        for event in history.events
        if event.activity_task_scheduled_event_attributes.activity_type.name.endswith("model_request")
    ]
    assert len(requests) == 4
    install(make_planner())
    assert await replayed(history) is None


async def test_a_looping_model_falls_back_in_a_workflow(address: str, make_planner: MakePlanner) -> None:
    """A model that never concludes is cut off at its budget; events stay small all the way."""
    tools = ("list_workloads", "check_signals", "list_alerts", "list_events", "analyse_namespace")
    async with model_server(lambda _: calls(*((tool, {}) for tool in tools))) as server:
        planner = make_planner(model="openai:stub", base_url=server.base_url, max_tool_calls=24)
        with pydantic_ai.models.override_allow_model_requests(True):
            result, history = await investigated(address, planner)

    assert result.planner == "offline"
    assert "tool calls" in (result.fell_back or "")
    assert max(event.ByteSize() for event in history.events) < EVENT_LIMIT


async def test_a_correction_replays_under_another_model(address: str, make_planner: MakePlanner) -> None:
    """A model is told once what does not stand; that history replays when the site has gone offline since."""
    invented = {
        "cause": "oom_killed",
        "object": {"kind": "deployment", "name": "checkout", "namespace": "shop"},
        "confidence": 0.9,
        "claims": [{"text": "it ran out of memory", "citations": [{"evidence": "e-0", "key": "oom", "value": "yes"}]}],
    }
    async with model_server(lambda _: calls(("conclude", {"causes": [invented]}))) as server:
        planner = make_planner(model="openai:stub", base_url=server.base_url)
        with pydantic_ai.models.override_allow_model_requests(True):
            result, history = await investigated(address, planner)
        assert len(server.requests) == 2

    assert (result.planner, result.diagnosis.causes, result.draft) == ("openai:stub", (), None)
    install(make_planner())
    assert await replayed(history) is None


async def test_cancelling_ends_an_investigation(address: str, world: World, make_planner: MakePlanner) -> None:
    """A workflow that is cancelled while its planner waits for a slow system ends at once."""
    world.delay = 5.0
    async with started(address, make_planner()) as handle:
        await asyncio.sleep(0.5)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failure:
            await asyncio.wait_for(handle.result(), PATIENCE)

    assert isinstance(failure.value.cause, CancelledError)
