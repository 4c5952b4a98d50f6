"""`kubectl logs`: the lines a container wrote."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from lab.shop.cluster.errors import BadRequestError
from lab.shop.cluster.kubelet import Kubelet
from lab.shop.cluster.objects import StoredObject
from lab.shop.cluster.processes import LogLine, Process, Waiting

FOLLOW_SECONDS = 0.5


class LogQuery(BaseModel):
    """The query parameters of `v1.PodLogOptions`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = Field(default=None, alias="tailLines", ge=0)
    since_seconds: int | None = Field(default=None, alias="sinceSeconds", gt=0)
    since_time: AwareDatetime | None = Field(default=None, alias="sinceTime")
    limit_bytes: int | None = Field(default=None, alias="limitBytes", gt=0)

    @classmethod
    def parse(cls, parameters: dict[str, str]) -> "LogQuery":
        """Read the parameters. Raises `BadRequestError`."""
        try:
            return cls.model_validate(parameters)
        except ValidationError as exc:
            first = exc.errors()[0]
            raise BadRequestError(f"invalid value for {first['loc'][0]}: {first['msg']}") from exc


def log_process(kubelet: Kubelet, stored: StoredObject, query: LogQuery) -> Process:
    """The container whose log is asked for. Raises `BadRequestError` when there is none to read."""
    pod = kubelet.pod(stored.uid)
    processes = pod.processes if pod else []
    names = [process.container.name for process in processes]
    if len(processes) > 1 and not query.container:
        raise BadRequestError(f"a container name must be specified for pod {stored.name}, choose one of: {names}")
    found = [process for process in processes if query.container in {"", process.container.name}]
    if not found:
        raise BadRequestError(f"container {query.container} is not valid for pod {stored.name}")
    process = found[0]
    name = f'"{process.container.name}" in pod "{stored.name}"'
    if query.previous and not process.restarts:
        raise BadRequestError(f"previous terminated container {name} not found")
    if isinstance(process.state, Waiting) and not process.restarts:
        reason = process.state.message or process.state.reason
        raise BadRequestError(f"container {name} is waiting to start: {reason}")
    return process


def log_text(process: Process, query: LogQuery, now: datetime) -> str:
    """The lines asked for; in a crash loop those of the run that ended."""
    lines: Sequence[LogLine] = tuple(process.log)
    if query.previous or not process.running:
        lines = process.previous_log
    since = query.since_time
    if query.since_seconds:
        since = now - timedelta(seconds=query.since_seconds)
    if since:
        lines = [line for line in lines if line.at >= since]
    if query.tail_lines is not None:
        lines = lines[len(lines) - min(len(lines), query.tail_lines) :]
    return "".join(_rendered(line, query) for line in lines)[: query.limit_bytes]


async def follow_log(process: Process, query: LogQuery, now: datetime) -> AsyncIterator[str]:
    """The lines asked for, then new ones as they come, until the container ends."""
    yield log_text(process, query, now)
    last = process.log[-1] if process.log else None
    run = process.restarts
    while process.running and process.restarts == run:
        await asyncio.sleep(FOLLOW_SECONDS)
        fresh: list[LogLine] = []
        for line in reversed(process.log):
            if line is last:
                break
            fresh.append(line)
        if fresh:
            last = fresh[0]
            yield "".join(_rendered(line, query) for line in reversed(fresh))


def _rendered(line: LogLine, query: LogQuery) -> str:
    return f"{line.at.isoformat()} {line.text}\n" if query.timestamps else f"{line.text}\n"
