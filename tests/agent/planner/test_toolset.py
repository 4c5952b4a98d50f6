from collections.abc import Mapping

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agent.toolset.assembly import build_toolset
from agent.toolset.cited import TEXT_BUDGET, CitedAnswer
from agent.toolset.focus import Focus, slim
from domain.evidence import unsupported
from domain.learning import Match
from domain.model import canonical_json
from tests.agent.planner.world import AT, World, alert

CALLS: dict[str, Mapping[str, object]] = {
    "analyse_namespace": {},
    "query_prometheus": {"query": 'error_ratio{service="checkout"}', "minutes": 30},
    "check_signals": {
        "service": "checkout",
        "signals": ["error_ratio", "latency_p95", "dependencies", "no_such_signal"],
    },
    "list_alerts": {},
    "alert_rules": {},
    "describe_workload": {"name": "checkout"},
    "list_workloads": {},
    "pod_logs": {"pod": "checkout"},
    "list_events": {},
    "rollout_history": {"name": "checkout"},
    "get_application": {"name": "checkout"},
    "application_diff": {"name": "checkout"},
    "search_traces": {"service": "checkout"},
    "get_trace": {"trace_id": "abc123"},
    "search_knowledge": {"text": "image pull"},
    "read_artifact": {"digest": "0" * 64},
}
OUTSIDE = {
    "query_prometheus": "prometheus",
    "check_signals": "prometheus",
    "list_alerts": "alertmanager",
    "alert_rules": "prometheus",
    "describe_workload": "kubernetes",
    "list_workloads": "kubernetes",
    "pod_logs": "kubernetes",
    "list_events": "kubernetes",
    "rollout_history": "kubernetes",
    "get_application": "argocd",
    "application_diff": "argocd",
    "search_traces": "tempo",
    "get_trace": "tempo",
    "search_knowledge": "knowledge",
}


async def called(world: World, tool: str, arguments: Mapping[str, object]) -> CitedAnswer:
    """Call a tool as a model does, through an agent."""
    answers: list[ToolReturnPart] = []

    def model(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        del info
        last = messages[-1]
        assert isinstance(last, ModelRequest)
        answers.extend(part for part in last.parts if isinstance(part, ToolReturnPart))
        return ModelResponse(parts=[TextPart("done") if answers else ToolCallPart(tool, dict(arguments))])

    toolset = build_toolset(world.sources, world.knowledge)
    agent = Agent(FunctionModel(model), deps_type=Focus, toolsets=[toolset])
    await agent.run("go", deps=Focus(namespace="shop", service="checkout", at=AT, alerts=slim((alert(),))))
    part = answers[0]
    assert part.outcome == "success", part.content
    return CitedAnswer.model_validate({**part.metadata, "text": part.content})


def test_the_table_has_every_tool(world: World) -> None:
    """Tool names are stored in histories: this list may grow, and nothing in it may change."""
    assert list(build_toolset(world.sources, world.knowledge).tools) == list(CALLS)


@pytest.mark.parametrize("tool", CALLS)
async def test_answers_stay_within_the_budget(world: World, tool: str) -> None:
    """A text is about 1,200 tokens at most, whatever was seen, and its fence is closed."""
    world.logs = "\n".join(f"line {number} " + "x" * 400 for number in range(500))
    world.alerts = [f"Alert{number}" for number in range(300)]

    answer = await called(world, tool, CALLS[tool])

    assert len(answer.text) <= TEXT_BUDGET
    assert answer.text.count("<data>") == answer.text.count("</data>")
    assert len(canonical_json(answer.model_dump(mode="json"))) < 80_000


@pytest.mark.parametrize("tool", CALLS)
async def test_claims_of_tools_stand(world: World, tool: str) -> None:
    """What a tool claims is what its evidence has, so that it can be repeated."""
    world.matches = (Match(kind="pattern", doc_id="p", title="image missing", score=1, confidence=0.9, known=True),)

    answer = await called(world, tool, CALLS[tool])

    evidence = {item.id: item for item in answer.evidence}
    claims = (*answer.claims, *(claim for finding in answer.findings for claim in finding.claims))
    assert [unsupported(claim, evidence) for claim in claims] == [None] * len(claims)


@pytest.mark.parametrize("tool", OUTSIDE)
async def test_a_system_that_is_down_is_evidence_of_that(world: World, tool: str) -> None:
    """A tool never fails for the world's sake: it answers what it could not see, and why."""
    world.down.add(OUTSIDE[tool])

    answer = await called(world, tool, CALLS[tool])

    assert [item.unavailable for item in answer.evidence] == ["connection refused"]
    assert answer.claims == ()
    assert "UNAVAILABLE" in answer.text


@pytest.mark.parametrize("tool", ["describe_workload", "get_application", "pod_logs", "get_trace"])
async def test_what_does_not_exist_is_said_to_be_missing(world: World, tool: str) -> None:
    """A name that nobody has is an answer, not an error."""
    key = next(iter(CALLS[tool]))
    answer = await called(world, tool, {key: "f00" if tool == "get_trace" else "nobody"})

    assert len(answer.evidence) == 1
    assert answer.evidence[0].unavailable


async def test_a_name_that_is_none_is_refused(world: World) -> None:
    """Free text does not get through as the name of a workload."""
    answer = await called(world, "describe_workload", {"name": "checkout; rm -rf /"})

    assert answer.text.startswith("Not asked")
    assert answer.evidence == ()


async def test_raw_output_can_be_paged(world: World) -> None:
    """What an answer leaves out can be read by its digest, page by page."""
    digest = await world.artifacts.put(("a" * 5_000 + "the end").encode())

    first = await called(world, "read_artifact", {"digest": digest})
    offset = int(first.text.rpartition("next offset ")[2].rstrip(")"))
    second = await called(world, "read_artifact", {"digest": digest, "offset": offset})

    assert "the end" in second.text


async def test_a_quiet_system_says_so(world: World) -> None:
    """No alerts, no anomalies: an answer that can be cited, too."""
    world.broken = False
    world.alerts.clear()

    alerts = await called(world, "list_alerts", {})
    workloads = await called(world, "list_workloads", {})

    assert [claim.text for claim in alerts.claims] == ["no alert is firing in shop"]
    assert [claim.text for claim in workloads.claims] == ["every workload in namespace shop has all its replicas"]
