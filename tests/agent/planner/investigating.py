"""A workflow that does nothing but investigate, as IncidentTriage does it."""

from datetime import timedelta

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from agent.investigation import Brief, Investigation, ToolStep
    from tests.agent.planner.installed import planner


@activity.defn(name="step.record")
async def record(step: ToolStep) -> None:
    """Stands for the fact store."""


@workflow.defn
class Investigating:
    """One investigation, its steps recorded as they happen."""

    @workflow.run
    async def run(self, brief: Brief) -> Investigation:
        """Investigate."""
        return await planner().investigate(brief, self._step)

    async def _step(self, step: ToolStep) -> None:
        await workflow.execute_activity(record, step, start_to_close_timeout=timedelta(seconds=5))
