"""Temporal: one way to connect, and the engine the API talks to."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_ai.durable_exec.temporal import PydanticAIPlugin
from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain import errors
from domain.approvals import Decision
from domain.errors import InvalidPlan, NotFound, TriagentError, UpstreamError, UpstreamUnavailable
from service.engine import AlertBatch, DecisionReceipt
from workflows.correlation import AlertCorrelation, group_workflow_id
from workflows.messages import CorrelationInput, TriageClosed, TriageOptions
from workflows.options import TASK_TIMEOUT
from workflows.visibility import SERVICE, SEVERITY, STATUS

TASK_QUEUE = "triagent"
RPC_TIMEOUT = timedelta(seconds=10)
PROBE_RPC_TIMEOUT = timedelta(seconds=2)
SILENT = timedelta(seconds=75)
"""A worker asks the server for work anew at least once a minute: one that has not for so long is gone."""
AWAY = frozenset(
    {
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.UNAVAILABLE,
    }
)
"""The server cannot answer now, whatever it is asked; any other status is about the request."""
DECISION_TIMEOUT = 100.0
"""Seconds; a modification is prepared against live systems before it is accepted."""


async def connect(address: str, namespace: str) -> Client:
    """A client with the converter, plugins and interceptors that API, worker and tests share.

    Raises `UpstreamUnavailable` if the server cannot be reached.
    """
    try:
        client = await Client.connect(
            address, namespace=namespace, plugins=[PydanticAIPlugin()], interceptors=[TracingInterceptor()]
        )
        await ensure_search_attributes(client)
    except (RuntimeError, RPCError) as error:
        raise UpstreamUnavailable("temporal", f"cannot reach {address}: {error}") from error
    return client


async def ensure_search_attributes(client: Client) -> None:
    """Register the search attributes that workflows set; without them Temporal would fail their tasks."""
    service = client.operator_service
    known = await service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
    missing = [key.name for key in (SERVICE, SEVERITY, STATUS) if key.name not in known.custom_attributes]
    if not missing:
        return
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=dict.fromkeys(missing, keyword))
    try:
        await service.add_search_attributes(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


class TemporalEngine:
    """`service.engine.Engine` over a Temporal client, which is connected on first use and again after failures."""

    def __init__(self, address: str, namespace: str, options: TriageOptions, *, task_queue: str = TASK_QUEUE) -> None:
        self.task_queue = task_queue
        self.address = address
        self._namespace = namespace
        self._options = options
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def client(self) -> Client:
        """The connected client. Raises `UpstreamUnavailable`."""
        async with self._connecting:
            if self._client is None:
                self._client = await connect(self.address, self._namespace)
            return self._client

    async def deliver(self, batch: AlertBatch) -> None:
        """Signal-with-start the group's correlation workflow."""
        client = await self.client()
        try:
            await client.start_workflow(
                AlertCorrelation.run,
                CorrelationInput(group_id=batch.group_id, options=self._options),
                id=group_workflow_id(batch.group_id),
                task_queue=self.task_queue,
                task_timeout=TASK_TIMEOUT,
                start_signal="AlertsReceived",
                start_signal_args=[batch],
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                rpc_timeout=RPC_TIMEOUT,
            )
        except RPCError as error:
            raise _upstream_error(error) from error

    async def decide(self, incident_id: str, decision: Decision) -> DecisionReceipt:
        """Send the decision as an update and wait for the workflow's answer."""
        client = await self.client()
        triage = client.get_workflow_handle(incident_id)
        try:
            async with asyncio.timeout(DECISION_TIMEOUT):
                update = await _next_attempt(triage, decision.id)
                return await triage.execute_update("decide", decision, id=update, result_type=DecisionReceipt)
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise UpstreamUnavailable("temporal", "no worker took the decision in time; try again") from error
        except WorkflowUpdateFailedError as error:
            raise _domain_error(error.cause) from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NotFound(f"incident {incident_id} is not open") from error
            raise UpstreamUnavailable("temporal", str(error)) from error

    async def runs(self, incident_id: str) -> bool:
        """Whether the incident's workflow is there and has not ended. Raises `UpstreamUnavailable`."""
        client = await self.client()
        try:
            found = await client.get_workflow_handle(incident_id).describe(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise UpstreamUnavailable("temporal", str(error)) from error
        return found.status is WorkflowExecutionStatus.RUNNING

    async def tell_group(self, group_id: str, closed: TriageClosed) -> None:
        """Tell an alert group, in a triage's place, that it has ended. Raises `UpstreamUnavailable`."""
        client = await self.client()
        group = client.get_workflow_handle(group_workflow_id(group_id))
        try:
            await group.signal(AlertCorrelation.triage_closed, closed, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise UpstreamUnavailable("temporal", str(error)) from error

    async def ready(self) -> None:
        """Return if the server answers."""
        client = await self.client()
        try:
            healthy = await client.service_client.check_health(timeout=PROBE_RPC_TIMEOUT)
        except RPCError as error:
            raise UpstreamUnavailable("temporal", str(error)) from error
        if not healthy:
            raise UpstreamUnavailable("temporal", "the server is not serving")

    async def worked(self) -> None:
        """Return if a worker asks for work. One that was killed counts for `SILENT` at most."""
        client = await self.client()
        request = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=self.task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            told = await client.workflow_service.describe_task_queue(request, timeout=PROBE_RPC_TIMEOUT)
        except RPCError as error:
            raise UpstreamUnavailable("temporal", str(error)) from error
        asked = (poller.last_access_time.ToDatetime(UTC) for poller in told.pollers)
        if not any(datetime.now(UTC) - at < SILENT for at in asked):
            raise UpstreamUnavailable("worker", f"none asks for work on task queue {self.task_queue!r}")


async def _next_attempt(triage: WorkflowHandle[Any, Any], decision_id: str) -> str:
    """The id of the update that carries the decision.

    An update of a known id is answered as it was before: one that failed in passing needs another id to be tried again.
    """
    update_id, attempts = decision_id, itertools.count(1)
    while await _failed_in_passing(triage, update_id):
        update_id = f"{decision_id}-{next(attempts)}"
    return update_id


async def _failed_in_passing(triage: WorkflowHandle[Any, Any], update_id: str) -> bool:
    """Whether there was such an update and another attempt may do better. Waits for one that is under way."""
    try:
        await triage.get_update_handle(update_id).result()
    except WorkflowUpdateFailedError as error:
        return _domain_error(error.cause).retryable
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    return False


def _upstream_error(error: RPCError) -> UpstreamError:
    kind = UpstreamUnavailable if error.status in AWAY else UpstreamError
    return kind("temporal", str(error))


def _domain_error(cause: BaseException) -> TriagentError:
    """The domain error that the workflow refused with; anything unknown is an upstream failure."""
    name = cause.type if isinstance(cause, ApplicationError) else None
    kind = getattr(errors, name, None) if name else None
    message = cause.message if isinstance(cause, ApplicationError) else str(cause)
    if kind is InvalidPlan:
        return InvalidPlan((message,))
    if isinstance(kind, type) and issubclass(kind, TriagentError) and kind.__init__ is TriagentError.__init__:
        return kind(message)
    return UpstreamUnavailable("temporal", message)
