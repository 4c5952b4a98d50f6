"""The agent, and the run of one investigation."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from pydantic_ai import Agent, ModelRetry, RunContext, ToolOutput
from pydantic_ai.durable_exec.temporal import TemporalDurability
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig

from agent.analysis import Sources
from agent.grounding import confirmed, grounded, summary_of, worded
from agent.investigation import Brief, Investigation, ToolStep, Usage, Verdict
from agent.liveness import LOST, OUR_MISTAKES
from agent.offline.model import OFFLINE, OfflineModel
from agent.offline.triage import TriageConduct
from agent.planner.briefing import briefing, vocabulary
from agent.planner.fallback import Ended, Relay, last_model, watched
from agent.planner.models import language_model
from agent.planner.options import PlannerOptions
from agent.planner.recorder import Recorder
from agent.planner.review import PlanReview, ReviewRequest
from agent.prompts import prompt
from agent.toolset.assembly import build_toolset
from agent.toolset.focus import Focus, slim
from domain.alerts import Alert
from domain.diagnosis import Diagnosis
from domain.objectives import Objectives
from domain.plans import PlanDraft
from domain.policy import Policy
from knowledge.library import Knowledge

AGENT_NAME = "triage"
"""Part of every activity's name: stored in histories."""

PRIMARY = "primary"
"""The configured model's id in histories, whichever model that is."""

FIRST_LOOK = "analyse_namespace"
"""What every investigation begins with: a plan follows only from what the analyzers found."""

TOOL_ACTIVITY: ActivityConfig = {
    "start_to_close_timeout": timedelta(seconds=45),
    "schedule_to_close_timeout": timedelta(seconds=100),
    "heartbeat_timeout": LOST,
    "retry_policy": RetryPolicy(
        maximum_interval=timedelta(seconds=5), maximum_attempts=12, non_retryable_error_types=OUR_MISTAKES
    ),
}
"""A source that is away is part of a tool's answer. What fails is our own store, which is waited for up to a minute."""
MODEL_ACTIVITY: ActivityConfig = {
    "start_to_close_timeout": timedelta(seconds=60),
    "heartbeat_timeout": LOST,
    "retry_policy": RetryPolicy(maximum_attempts=2),
}
REVIEWED_ALERTS = 50


class Planner:
    """Investigates with the configured model, and with the offline one where that fails.

    Build it before the worker starts, register `agent` with `AgentPlugin`, and call `investigate` from workflow code or
    outside of any workflow. `language_model` is None where the offline model is the configured one.
    """

    def __init__(
        self,
        sources: Sources,
        knowledge: Knowledge,
        options: PlannerOptions,
        policy: Policy,
        objectives: Objectives,
    ) -> None:
        self.name = options.model
        self._review = PlanReview(policy, objectives)
        self.toolset = build_toolset(sources, knowledge)
        self.language_model = None if options.model == OFFLINE else language_model(options, first_look=FIRST_LOOK)
        offline = OfflineModel(TriageConduct())
        self.agent: Agent[Focus, Verdict] = Agent(
            offline,
            name=AGENT_NAME,
            deps_type=Focus,
            output_type=ToolOutput(Verdict, name="conclude", description="End the investigation with what it found."),
            system_prompt=(prompt("triage"), vocabulary()),
            toolsets=[self.toolset],
            retries={"tools": 2, "output": 2},
            capabilities=[
                Recorder(),
                self._review,
                TemporalDurability(
                    models={PRIMARY: self.language_model or offline},
                    activity_config=TOOL_ACTIVITY,
                    model_activity_config=MODEL_ACTIVITY,
                ),
            ],
        )
        self.agent.output_validator(self._settle)

    async def investigate(
        self, brief: Brief, on_step: Callable[[ToolStep], Awaitable[None]] | None = None
    ) -> Investigation:
        """Find the cause. Always ends with a result; no causes in it means insufficient evidence.

        Deterministic in workflow code: everything that depends on the world or on settings happens in activities.
        """
        focus = Focus(namespace=brief.namespace, service=brief.service, at=brief.at, alerts=slim(brief.alerts))
        focus.collected.alerts = _identities(brief.alerts)
        relay = Relay(self.agent, briefing(brief), focus)
        ended = await watched(relay.run(PRIMARY, None), focus, on_step)
        return _investigation(ended, focus)

    async def close(self) -> None:
        """Close connections to the language model."""
        if self.language_model is not None:
            await self.language_model.close()

    async def _settle(self, ctx: RunContext[Focus], verdict: Verdict) -> Verdict:
        """Ground the verdict. What does not stand goes back to a language model once, and is dropped after that."""
        collected = ctx.deps.collected
        causes = grounded(verdict.causes, collected.evidence, collected.findings)
        request = ReviewRequest(
            causes=confirmed(causes.causes, collected.findings),
            actions=verdict.actions,
            inventory=collected.inventory,
            alerts=collected.alerts,
        )
        reviewed = await self._review.review(ctx, request)
        problems = (*causes.problems, *reviewed.problems)
        if problems and not collected.sent_back and last_model(ctx.messages) != OFFLINE:
            collected.sent_back = True
            raise ModelRetry("This does not stand, correct it or leave it out:\n- " + "\n- ".join(problems[:12]))
        collected.draft = reviewed.draft
        collected.notes = tuple(f"dropped: {problem}"[:500] for problem in problems)
        return Verdict(causes=causes.causes, actions=reviewed.draft.actions if reviewed.draft else ())


def _identities(alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
    """The firing alerts without their prose: what a plan's checks need of them."""
    firing = [alert for alert in alerts if alert.status == "firing"] or list(alerts)
    return tuple(
        alert.model_copy(update={"annotations": {}, "generator_url": ""}) for alert in firing[:REVIEWED_ALERTS]
    )


def _investigation(ended: Ended[Verdict], focus: Focus) -> Investigation:
    collected = focus.collected
    causes = ended.output.causes if ended.output else ()
    draft: PlanDraft | None = collected.draft if causes else None
    failures = ended.failures if ended.output is None else []
    diagnosis = Diagnosis(
        summary=summary_of(worded(causes, collected.claims)) if causes else _insufficient(focus),
        confidence=causes[0].confidence if causes else 0.0,
        planner=ended.planner,
        causes=causes,
        blindspots=collected.blindspots,
        notes=(*collected.notes, *(f"planner failed: {failure}" for failure in failures)),
    )
    return Investigation(
        diagnosis=diagnosis,
        draft=draft,
        evidence=tuple(collected.evidence.values()),
        inventory=collected.inventory,
        planner=ended.planner,
        fell_back=ended.failures[0] if ended.failures and ended.output is not None else None,
        usage=Usage(
            requests=collected.requests,
            tool_calls=collected.tool_calls,
            input_tokens=ended.usage.input_tokens,
            output_tokens=ended.usage.output_tokens,
        ),
    )


def _insufficient(focus: Focus) -> str:
    looked = dict.fromkeys(item.source for item in focus.collected.evidence.values() if not item.unavailable)
    seen = f" Looked at: {', '.join(looked)}." if looked else " Nothing could be looked at."
    return "Insufficient evidence: nothing that was seen points at a cause." + seen
