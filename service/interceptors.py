"""What the worker adds around every activity: a count of retries, and one log line for a failure."""

from typing import Any

import structlog
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.errors import TriagentError
from service.metrics import Metrics

log = structlog.get_logger(__name__)


class ActivityWatch(Interceptor):
    """Counts repeated attempts by workflow; says why an attempt failed, without a traceback where it is foreseen."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap the activity."""
        return _Watched(next, self._metrics)


class _Watched(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, metrics: Metrics) -> None:
        super().__init__(inner)
        self._metrics = metrics

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's signature
        info = activity.info()
        if info.attempt > 1:
            self._metrics.retried(info.workflow_type or "unknown")
        try:
            return await super().execute_activity(input)
        except TriagentError as error:
            log.warning(
                "activity.failed",
                activity=info.activity_type,
                workflow=info.workflow_id,
                attempt=info.attempt,
                error=f"{type(error).__name__}: {error}",
            )
            raise
