"""The offline model goes on from any point at which another model may have died."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agent.offline.history import Call, History, usable
from agent.planner import Planner
from agent.planner.brevity import CUT, WHOLE, for_language, for_offline
from agent.planner.fallback import Relay
from agent.toolset.cited import Noted
from agent.toolset.focus import Focus
from tests.agent.planner.world import AT, World

PROMPT = ModelRequest(parts=[UserPromptPart("find the cause")])
NOTED = Noted().model_dump(mode="json")

GOOD = [
    [ToolCallPart("analyse_namespace", {})],
    [ToolCallPart("list_alerts", {}), ToolCallPart("check_signals", {"service": "checkout"})],
    [ToolCallPart("get_application", {"name": "checkout"})],
    [ToolCallPart("pod_logs", {"pod": "checkout"})],
]


@pytest.mark.parametrize("turns", range(len(GOOD) + 1))
async def test_takes_over_after_any_turn(world: World, planner: Planner, turns: int) -> None:
    """However far another model came before it died, the conclusion is the offline model's own."""

    def dies(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        del info
        turn = sum(isinstance(message, ModelResponse) for message in messages)
        parts = GOOD[turn] if turn < turns else [ToolCallPart("no_such_tool", {})]
        return ModelResponse(parts=list(parts))

    focus = Focus(namespace="shop", service="checkout", at=AT)
    ended = await Relay(planner.agent, "find the cause", focus).run(FunctionModel(dies), None)

    assert ended.planner == "offline"
    assert ended.output is not None
    assert ended.output.causes[0].cause == "incorrect_image_reference"
    assert ended.failures
    assert world.asked.count("applications") == 1


messages = st.lists(
    st.sampled_from(
        [
            ModelResponse(parts=[TextPart("hm")]),
            ModelResponse(parts=[ToolCallPart("list_alerts", {}, tool_call_id="1")]),
            ModelResponse(
                parts=[ToolCallPart("list_alerts", {}, tool_call_id="1"), ToolCallPart("x", "{", tool_call_id="2")]
            ),
            ModelRequest(parts=[ToolReturnPart("list_alerts", "seen", tool_call_id="1", metadata=NOTED)]),
            ModelRequest(parts=[ToolReturnPart("list_alerts", "no", tool_call_id="1", outcome="retried")]),
            ModelRequest(parts=[]),
            PROMPT,
        ]
    ),
    max_size=12,
)


@given(messages)
def test_what_is_usable_is_whole(broken: list[ModelMessage]) -> None:
    """Whatever a run broke off at, every call that is kept has its return, and the prompt comes first."""
    kept = usable([PROMPT, *broken])

    assert kept[0] is PROMPT
    for response, request in zip(kept[1::2], kept[2::2], strict=True):
        assert isinstance(response, ModelResponse)
        assert isinstance(request, ModelRequest)
        assert {part.tool_call_id for part in response.tool_calls} == {
            part.tool_call_id for part in request.parts if isinstance(part, ToolReturnPart)
        }
    assert usable(kept) == kept
    History.of(kept)


def test_the_newest_answers_are_sent_whole() -> None:
    """A language model gets the newest texts whole and older ones cut; the offline model keeps what is noted."""
    history: list[ModelMessage] = [PROMPT]
    for number in range(20):
        identity = str(number)
        history.append(ModelResponse(parts=[ToolCallPart("list_alerts", {"n": number}, tool_call_id=identity)]))
        answer = ToolReturnPart("list_alerts", identity * 4000, tool_call_id=identity, metadata=NOTED)
        history.append(ModelRequest(parts=[answer]))

    sent = [part for message in for_language(history) for part in message.parts if isinstance(part, ToolReturnPart)]

    assert sent[-1].content == "19" * 4000
    assert all(part.metadata is None for part in sent)
    assert sum(len(str(part.content)) for part in sent) < WHOLE + 20 * (CUT + 100)
    assert History.of(for_offline(history)).looks == History.of(history).looks
    assert history[2].parts[0].content == "0" * 4000


def test_calls_are_told_apart_by_their_arguments() -> None:
    """The same tool with other arguments is another call."""
    assert Call("a", {"x": 1}).identity == Call("a", {"x": 1}).identity
    assert Call("a", {"x": 1}).identity != Call("a", {"x": 2}).identity
