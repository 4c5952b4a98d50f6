"""Heartbeats for every activity, so that the server notices within seconds that a worker died with one."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor


class Heartbeats(Interceptor):
    """Beats while an activity runs that is watched by a heartbeat timeout; activities need not do it themselves."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Wrap the activity."""
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's signature
        timeout = activity.info().heartbeat_timeout
        if timeout is None:
            return await super().execute_activity(input)
        pulse = _Pulse(timeout / 4)
        try:
            return await super().execute_activity(input)
        finally:
            pulse.stop()


class _Pulse:
    """Beats in the context of the activity that made it. Most end before the first beat: no task for that."""

    def __init__(self, pause: timedelta) -> None:
        self._pause = pause.total_seconds()
        self._wait()

    def stop(self) -> None:
        self._next.cancel()

    def _wait(self) -> None:
        self._next = asyncio.get_running_loop().call_later(self._pause, self._beat)

    def _beat(self) -> None:
        activity.heartbeat()
        self._wait()
