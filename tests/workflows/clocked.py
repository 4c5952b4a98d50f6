"""A workflow that asks the machine what time it is."""

from datetime import datetime

from temporalio import workflow


@workflow.defn(name="Clocked")
class Clocked:
    """What no workflow may do: another answer at every replay."""

    @workflow.run
    async def run(self) -> str:
        """The machine's time."""
        return datetime.now().isoformat()  # noqa: DTZ005
