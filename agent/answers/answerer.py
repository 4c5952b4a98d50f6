"""Runs a question: the configured model where there is one, the offline one where there is none or it fails."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime

from pydantic_ai import Agent, ModelRetry, RunContext, ToolOutput

from agent.answers.conduct import AskConduct
from agent.answers.events import Answer, Answered, AnswerEvent, Claimed, Looked, Reply
from agent.grounding import standing
from agent.offline.model import OFFLINE, OfflineModel
from agent.planner import Planner
from agent.planner.fallback import Ended, Relay, last_model
from agent.planner.recorder import Recorder
from agent.prompts import prompt
from agent.toolset.focus import Focus, ToolStep
from domain.evidence import Claim

LIMIT = 4000
"""Characters of a question."""

CLAIMS_PER_LOOK = 40


class Answerer:
    """Answers questions with a planner's tools and models. Outside of any workflow; safe to use concurrently."""

    def __init__(self, planner: Planner) -> None:
        self._model = planner.language_model
        self._agent: Agent[Focus, Reply] = Agent(
            name="ask",
            deps_type=Focus,
            output_type=ToolOutput(Reply, name="reply", description="Answer the question with cited claims."),
            system_prompt=prompt("ask"),
            toolsets=[planner.toolset],
            retries={"tools": 2, "output": 2},
            capabilities=[Recorder(claims=CLAIMS_PER_LOOK)],
        )
        self._agent.output_validator(_settle)

    async def answer(self, question: str, namespace: str | None, at: datetime) -> Answer:
        """The whole answer. `at` is the moment the question is asked."""
        async for event in self.stream(question, namespace, at):
            if isinstance(event, Answered):
                return event.answer
        raise AssertionError("a stream ends with the answer")

    async def stream(self, question: str, namespace: str | None, at: datetime) -> AsyncIterator[AnswerEvent]:
        """Each look as it happens, then the claims, then the answer."""
        focus = Focus(namespace=namespace, service=None, at=at)
        steps = focus.collected.steps
        task = asyncio.create_task(self._run(question[:LIMIT], focus))
        task.add_done_callback(lambda _: steps.put_nowait(None))
        try:
            while (step := await steps.get()) is not None:
                yield _looked(step)
            for event in _conclusion(await task, focus):
                yield event
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])

    async def _run(self, question: str, focus: Focus) -> Ended[Reply]:
        offline = OfflineModel(AskConduct(question, focus.namespace, focus.at))
        relay = Relay(self._agent, _asked(question, focus), focus)
        return await relay.run(*filter(None, (self._model, offline)))


async def _settle(ctx: RunContext[Focus], reply: Reply) -> Reply:
    """Ground the claims. Those that do not stand go back to a language model once, and are dropped after that."""
    collected = ctx.deps.collected
    kept, problems = standing(reply.claims, collected.evidence)
    if problems and not collected.sent_back and last_model(ctx.messages) != OFFLINE:
        collected.sent_back = True
        raise ModelRetry("This does not stand, correct it or leave it out:\n- " + "\n- ".join(problems[:12]))
    return Reply(claims=kept, sufficient=reply.sufficient and bool(kept))


def _asked(question: str, focus: Focus) -> str:
    where = f"namespace {focus.namespace}" if focus.namespace else "any namespace"
    return f"{question}\n\n(Asked at {focus.at.isoformat()} about {where}. Times without a zone are UTC.)"


def _looked(step: ToolStep) -> Looked:
    text = "; ".join(item.summary for item in step.evidence[:4]) or step.tool
    ids = tuple(item.id for item in step.evidence)
    return Looked(tool=step.tool, text=text[:500], evidence=ids, seconds=step.seconds)


def _conclusion(ended: Ended[Reply], focus: Focus) -> Iterator[AnswerEvent]:
    reply = ended.output or Reply()
    collected = focus.collected
    for claim in reply.claims:
        yield Claimed(text=claim.text, claim=claim)
    cited = {evidence_id for claim in reply.claims for evidence_id in claim.evidence}
    evidence = sorted(collected.evidence.values(), key=lambda item: item.id not in cited)
    yield Answered(
        answer=Answer(
            answer=_sentences(reply.claims) if reply.sufficient else _insufficient(reply.claims, focus),
            claims=reply.claims,
            evidence=tuple(evidence),
            matches=collected.matches,
            sufficient=reply.sufficient,
        )
    )


def _sentences(claims: tuple[Claim, ...]) -> str:
    return " ".join(f"{claim.text.rstrip('.')}." for claim in claims)


def _insufficient(claims: tuple[Claim, ...], focus: Focus) -> str:
    evidence = focus.collected.evidence.values()
    looked = [item.summary for item in evidence if not item.unavailable]
    missed = [f"{spot.source} ({spot.reason})" for spot in focus.collected.blindspots]
    parts = ["Insufficient evidence to answer this."]
    if looked:
        parts.append(f"Looked at: {'; '.join(looked[:8])}.")
    if missed:
        parts.append(f"Could not see: {'; '.join(missed[:8])}.")
    if not looked and not missed:
        parts.append("Nothing was looked at: it is not a question about services, changes, alerts or past incidents.")
    return " ".join([*parts, _sentences(claims)]).strip()
