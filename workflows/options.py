"""How activities are called: time limits and retries. No activity may run longer than five minutes."""

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig

from agent.liveness import LOST, OUR_MISTAKES
from domain.errors import TriagentError

LONGEST = timedelta(minutes=5)

TASK_TIMEOUT = timedelta(seconds=5)
"""For one workflow task, which takes milliseconds. What a dead worker had begun is given to another after this; the
server's default is 10 s."""


def final_errors() -> list[str]:
    """Names of the domain errors that another attempt cannot help, from the tree itself."""
    pending: list[type[TriagentError]] = [TriagentError]
    names: list[str] = []
    while pending:
        error = pending.pop()
        pending.extend(error.__subclasses__())
        if not error.retryable:
            names.append(error.__name__)
    return sorted(names)


FINAL_ERRORS = [*final_errors(), *OUR_MISTAKES]
"""Domain errors, and our own mistakes: another attempt of the same call meets the same bug."""

PERSIST: ActivityConfig = {
    "start_to_close_timeout": timedelta(seconds=30),
    "heartbeat_timeout": LOST,
    "retry_policy": RetryPolicy(maximum_interval=timedelta(seconds=10), non_retryable_error_types=FINAL_ERRORS),
}
"""Our own database: keep trying until it is back; nothing may be lost."""

LOOK: ActivityConfig = {
    "start_to_close_timeout": timedelta(seconds=60),
    "heartbeat_timeout": LOST,
    "retry_policy": RetryPolicy(
        maximum_attempts=3, maximum_interval=timedelta(seconds=5), non_retryable_error_types=FINAL_ERRORS
    ),
}
"""A read that the triage can go on without."""

PREPARE: ActivityConfig = {
    "start_to_close_timeout": timedelta(seconds=90),
    "heartbeat_timeout": LOST,
    "retry_policy": RetryPolicy(
        maximum_attempts=8, maximum_interval=timedelta(seconds=15), non_retryable_error_types=FINAL_ERRORS
    ),
}
"""Live preconditions and dry runs of a plan."""

WRITE: ActivityConfig = {
    "start_to_close_timeout": timedelta(seconds=60),
    "heartbeat_timeout": LOST,
    "retry_policy": RetryPolicy(
        maximum_attempts=8, maximum_interval=timedelta(seconds=15), non_retryable_error_types=FINAL_ERRORS
    ),
}
"""One approved write; safe to repeat, because it carries its precondition and its change id."""

SETTLE: ActivityConfig = {
    "start_to_close_timeout": timedelta(minutes=4, seconds=30),
    "schedule_to_close_timeout": timedelta(minutes=15),
    "heartbeat_timeout": LOST,
    "retry_policy": RetryPolicy(maximum_interval=timedelta(seconds=5), non_retryable_error_types=FINAL_ERRORS),
}
"""Waiting for a rollout or a sync. It was written already: what came of it is asked for as long as that makes sense."""

CALL: ActivityConfig = {
    "start_to_close_timeout": timedelta(seconds=30),
    "heartbeat_timeout": LOST,
    "retry_policy": RetryPolicy(
        maximum_attempts=10, maximum_interval=timedelta(seconds=30), non_retryable_error_types=FINAL_ERRORS
    ),
}
"""Paging a human: try hard."""
