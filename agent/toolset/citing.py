"""The toolset's one way of answering: time limit, failures as evidence, text apart from evidence."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from pydantic_ai import FunctionToolset, RunContext, ToolReturn
from pydantic_ai.toolsets import ToolsetTool

from agent.toolset.cited import CitedAnswer, unavailable
from agent.toolset.focus import Focus
from domain.errors import InvalidInput, NotFound, UpstreamError

TOOL_SECONDS = 35.0
"""A tool answers, or says why not, within this time; the activity around it may take 45 s."""


class CitingToolset(FunctionToolset[Focus]):
    """A function toolset whose functions return `CitedAnswer`.

    The model gets the text; the answer itself travels as the result's metadata. Whatever fails outside becomes evidence
    with `unavailable`; a refused query becomes text that says why. Programming errors are raised.
    """

    async def get_tools(self, ctx: RunContext[Focus]) -> dict[str, ToolsetTool[Focus]]:
        """The tools without the schema of what they return: it would travel with every request and every call."""
        tools = await super().get_tools(ctx)
        return {
            name: replace(tool, tool_def=replace(tool.tool_def, return_schema=None)) for name, tool in tools.items()
        }

    async def call_tool(
        self, name: str, tool_args: dict[str, object], ctx: RunContext[Focus], tool: ToolsetTool[Focus]
    ) -> ToolReturn[str]:
        """One call, bounded in time."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(TOOL_SECONDS):
                answer: CitedAnswer = await super().call_tool(name, tool_args, ctx, tool)
        except TimeoutError:
            answer = _not_seen(name, tool_args, name, f"no answer within {TOOL_SECONDS:g} s", passing=True)
        except UpstreamError as exc:
            reason = str(exc).removeprefix(f"{exc.system}: ")
            answer = _not_seen(name, tool_args, exc.system, reason, passing=exc.retryable)
        except NotFound as exc:
            answer = _not_seen(name, tool_args, name, str(exc))
        except InvalidInput as exc:
            answer = CitedAnswer(text=f"Not asked: {exc}")
        answer = answer.model_copy(update={"seconds": round(time.monotonic() - started, 3)})
        return ToolReturn(return_value=answer.text, metadata=answer.model_dump(mode="json", exclude={"text"}))


def _not_seen(
    tool: str, arguments: Mapping[str, object], source: str, reason: str, *, passing: bool = False
) -> CitedAnswer:
    shown = ", ".join(f"{key}={value}" for key, value in arguments.items() if value is not None)
    return CitedAnswer.of(unavailable(source, f"{tool}({shown})", reason, datetime.now(UTC), passing=passing))
