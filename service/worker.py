"""The worker: every workflow and activity, in one process."""

import gc
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from service.sandbox import Sandbox
from service.temporal import TASK_QUEUE
from workflows.correlation import AlertCorrelation
from workflows.execution import ChangeExecution
from workflows.planning import install
from workflows.triage import IncidentTriage

WORKFLOWS: Sequence[type] = (AlertCorrelation, IncidentTriage, ChangeExecution)
WORKFLOW_THREADS = 2
WORKFLOW_TASKS = 4
"""More than there are threads: a task that meets no poller must be stored by the server, which doubles its work.
Not many more: what acknowledges alerts shares the interpreter with them."""
ACTIVITIES = 100
"""Most of them wait, some for minutes."""
STICKY_TIMEOUT = timedelta(seconds=1)
"""After a worker dies, how long its cached workflows wait for it: recovery in 2-4 s instead of 11-13 s."""


def build_worker(
    client: Client,
    planner: Planner,
    activities: Sequence[Callable[..., object]],
    *,
    task_queue: str = TASK_QUEUE,
    interceptors: Sequence[Interceptor] = (),
) -> Worker:
    """A worker ready to run."""
    install(planner)
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=activities,
        workflow_runner=Sandbox(),
        plugins=[AgentPlugin(planner.agent)],
        interceptors=[Heartbeats(), *interceptors],
        workflow_failure_exception_types=[TriagentError],
        build_id=f"triagent-{version('triagent')}",  # the SDK would hash every loaded module instead: a second of CPU
        max_concurrent_activities=ACTIVITIES,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS,
        workflow_task_executor=ThreadPoolExecutor(WORKFLOW_THREADS, "workflow"),
        nonsticky_to_sticky_poll_ratio=0.5,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=timedelta(seconds=5),
    )


def warm_up(worker: Worker, client: Client) -> None:
    """Build the decoders of all inputs and results, a quarter of a second that the first alerts would pay otherwise.

    What is there then lives as long as the process, and the garbage collector leaves it alone: looking at it all, every
    few seconds of a storm, would hold up everything for a third of a second.
    """
    converter = client.data_converter.payload_converter
    nothing = Payload(metadata={"encoding": b"json/plain"}, data=b"null")
    configured = cast("Mapping[str, Sequence[Callable[..., object]]]", worker.config(active_config=True))
    for activity in configured["activities"]:
        for hint in get_type_hints(activity).values():
            with suppress(ValueError):  # it is no valid value; its decoder is there now
                converter.from_payloads([nothing], [hint])
    gc.freeze()
