"""A pydantic-ai model that is a program."""

from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from agent.offline.conduct import Conduct
from agent.offline.history import Call, History

OFFLINE = "offline"
MAX_CALLS = 8
"""Tool calls of one run, those of a model that came before included."""


class OfflineModel(Model):
    """Follows a conduct. It keeps nothing between requests, so it can take over any half-done run.

    It need not be told which tools there are: a site has one toolset, which its conducts are written for.
    """

    def __init__(self, conduct: Conduct) -> None:
        super().__init__()
        self._conduct = conduct

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The next tool calls, all at once, or the conclusion."""
        del model_settings
        seen = History.of(messages)
        parts = [_part(call, len(messages)) for call in self._next(seen)] or [
            ToolCallPart(
                model_request_parameters.output_tools[0].name,
                self._conduct.conclusion(seen).model_dump(mode="json"),
                tool_call_id=f"offline-{len(messages)}-conclusion",
            )
        ]
        return ModelResponse(parts=parts, model_name=OFFLINE)

    def _next(self, seen: History) -> list[Call]:
        wanted = {call.identity: call for call in self._conduct.next_calls(seen) if not seen.made(call)}
        return list(wanted.values())[: max(0, MAX_CALLS - len(seen.looks))]

    @property
    def model_name(self) -> str:
        """`offline`."""
        return OFFLINE

    @property
    def system(self) -> str:
        """The provider's name."""
        return OFFLINE


def _part(call: Call, turn: int) -> ToolCallPart:
    return ToolCallPart(call.tool, dict(call.arguments), tool_call_id=f"offline-{turn}-{call.identity}")
