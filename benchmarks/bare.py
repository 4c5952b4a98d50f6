"""The yardstick: a workflow that only runs activities."""

from datetime import timedelta

from temporalio import activity, workflow


@activity.defn(name="bare.nothing")
async def nothing(text: str) -> str:
    """The least an activity can do."""
    return text


@workflow.defn(name="Bare")
class Bare:
    """As many activities as a triage has, and nothing else."""

    @workflow.run
    async def run(self, activities: int) -> None:
        """One after the other."""
        for _ in range(activities):
            await workflow.execute_activity(nothing, "x", start_to_close_timeout=timedelta(seconds=30))
