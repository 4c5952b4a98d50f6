"""The sandbox of the product's worker is one."""

from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import Worker

from service.sandbox import Sandbox
from tests.workflows.clocked import Clocked


async def test_what_differs_at_every_replay_is_refused(temporal_address: str):
    """The run fails, and says what it may not touch."""
    client, queue = await Client.connect(temporal_address), f"q-{uuid4().hex[:8]}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=[Clocked],
        workflow_runner=Sandbox(),
        workflow_failure_exception_types=[Exception],
    ):
        with pytest.raises(WorkflowFailureError) as refused:
            await client.execute_workflow(Clocked.run, id=queue, task_queue=queue)
    assert "datetime.datetime.now" in str(refused.value.cause)
