"""The worker: every workflow and activity, in one process."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from importlib.metadata import version
from typing import cast, get_type_hints

from pydantic_ai.durable_exec.temporal import AgentPlugin
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.worker import Interceptor, Worker

from agent.planner import Planner
from domain.errors import TriagentError
from service.heartbeats import Heartbeats
from service.temporal import TASK_QUEUE
from workflows.correlation import AlertCorrelation
from workflows.execution import ChangeExecution
from workflows.planning import install
from workflows.triage import IncidentTriage

WORKFLOWS: Sequence[type] = (AlertCorrelation, IncidentTriage, ChangeExecution)
STICKY_TIMEOUT = timedelta(seconds=1)
"""After a worker dies, how long its cached workflows wait for it: recovery in 2-4 s instead of 11-13 s."""


def build_worker(
    client: Client,
    planner: Planner,
    activities: Sequence[Callable[..., object]],
    *,
    task_queue: str = TASK_QUEUE,
    interceptors: Sequence[Interceptor] = (),
    max_activities: int = 16,
    max_workflow_tasks: int = 2,
) -> Worker:
    """A worker ready to run. Workflow tasks are few at a time: Python runs them one by one anyway."""
    install(planner)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=activities,
        plugins=[AgentPlugin(planner.agent)],
        interceptors=[Heartbeats(), *interceptors],
        workflow_failure_exception_types=[TriagentError],
        build_id=f"triagent-{version('triagent')}",  # the SDK would hash every loaded module instead: a second of CPU
        max_concurrent_activities=max_activities,
        max_concurrent_workflow_tasks=max_workflow_tasks,
        nonsticky_to_sticky_poll_ratio=0.5,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


def warm_up(worker: Worker, client: Client) -> None:
    """Build the decoders of all inputs and results, a quarter of a second that the first alerts would pay otherwise."""
    converter = client.data_converter.payload_converter
    nothing = Payload(metadata={"encoding": b"json/plain"}, data=b"null")
    configured = cast("Mapping[str, Sequence[Callable[..., object]]]", worker.config(active_config=True))
    for activity in configured["activities"]:
        for hint in get_type_hints(activity).values():
            with suppress(ValueError):  # it is no valid value; its decoder is there now
                converter.from_payloads([nothing], [hint])
