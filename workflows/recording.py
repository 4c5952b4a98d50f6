"""Facts leave a workflow here: stamped with workflow time and a stable id, appended by an activity."""

from collections.abc import Mapping

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.facts import FACT, Fact
    from workflows.activities.records import AppendInput, Records
    from workflows.options import PERSIST


class Recorder:
    """Writes the facts of one workflow run. `prefix` keeps the ids of parent and child apart."""

    def __init__(self, incident_id: str, prefix: str) -> None:
        self._incident_id = incident_id
        self._prefix = prefix
        self._count = 0

    async def record(self, fact_type: str, content: Mapping[str, object] | None = None) -> Fact:
        """Append one fact and wait until it is stored."""
        self._count += 1
        fact = FACT.validate_python(
            {
                "type": fact_type,
                "id": f"{self._prefix}-{self._count:04d}",
                "incident_id": self._incident_id,
                "at": workflow.now(),
                **(content or {}),
            }
        )
        await workflow.execute_activity_method(Records.append, AppendInput(facts=(fact,)), **PERSIST)
        return fact
