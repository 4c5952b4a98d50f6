"""Container logs as the kubelet gives them through the API server.

A recording keeps what the container wrote, without the kubelet's own time of each line. `sinceSeconds` therefore goes
by times that lines begin with; where none does, all of the log is given.

Source: `k8s.io/kubernetes/pkg/registry/core/pod/strategy.go` (`LogLocation`) and `pkg/kubelet/kubelet_pods.go`
(`validateContainerLogStatus`) for what is refused, and how.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from pydantic import Field, ValidationError

from domain.model import External
from evals.replay.refusals import bad_request
from tools.documents import JsonObject, child, objects_at, text_at

_LEADING_TIME = re.compile(r"\W{0,3}(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d{1,6})\d*)?\s?(Z|[+-]\d\d:?\d\d)?")
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


class LogQuery(External):
    """`v1.PodLogOptions`, as far as they change what a finished recording can say."""

    container: str = ""
    previous: bool = False
    tail_lines: int | None = Field(default=None, alias="tailLines", ge=0)
    since_seconds: int | None = Field(default=None, alias="sinceSeconds", gt=0)
    limit_bytes: int | None = Field(default=None, alias="limitBytes", gt=0)


def log_query(params: Mapping[str, str]) -> LogQuery:
    """The options of a request. Raises `Refused`."""
    try:
        return LogQuery.model_validate(dict(params))
    except ValidationError as exc:
        first = exc.errors()[0]
        raise bad_request(f"invalid value for {first['loc'][0]}: {first['msg']}") from exc


def pod_log(pod: JsonObject, query: LogQuery, logs: Mapping[str, str], now: datetime) -> str:
    """The end of a container's log. Raises `Refused` for a container that has none."""
    container = query.container or _only_container(pod)
    name = text_at(pod, "metadata", "name")
    if container not in _containers(pod):
        raise bad_request(f"container {container} is not valid for pod {name}")
    key = f"{text_at(pod, 'metadata', 'namespace')}/{name}/{container}" + ("/previous" if query.previous else "")
    if key not in logs:
        _refuse_silent(pod, name, container, previous=query.previous)
    return _end(logs.get(key, ""), query, now)


def _only_container(pod: JsonObject) -> str:
    names = [text_at(item, "name") for item in objects_at(pod, "spec", "containers")]
    if len(names) == 1:
        return names[0]
    inits = [text_at(item, "name") for item in objects_at(pod, "spec", "initContainers")]
    more = f" or one of the init containers: [{' '.join(inits)}]" if inits else ""
    name = text_at(pod, "metadata", "name")
    raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]{more}")


def _containers(pod: JsonObject) -> set[str]:
    return {text_at(item, "name") for field in _CONTAINERS for item in objects_at(pod, "spec", field)}


def _refuse_silent(pod: JsonObject, name: str, container: str, *, previous: bool) -> None:
    """Of a container that has not run there is no log; one that runs may have written nothing."""
    if previous:
        raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
    statuses = (item for field in _STATUSES for item in objects_at(pod, "status", field))
    status = next((item for item in statuses if text_at(item, "name") == container), None)
    waits = child(status, "state", "waiting") is not None
    if waits and child(status, "lastState", "terminated") is None:
        reason = text_at(status, "state", "waiting", "reason") or "waiting"
        raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {reason}')


def _end(text: str, query: LogQuery, now: datetime) -> str:
    lines = text.splitlines(keepends=True)
    if query.since_seconds is not None:
        lines = list(_since(lines, now - timedelta(seconds=query.since_seconds)))
    if query.tail_lines is not None:
        lines = lines[-query.tail_lines :] if query.tail_lines else []
    found = "".join(lines)
    return found.encode()[: query.limit_bytes].decode("utf-8", "ignore") if query.limit_bytes else found


def _since(lines: list[str], earliest: datetime) -> Iterator[str]:
    """Lines not older than `earliest`; one without a time is as old as the line before it."""
    fresh = not any(map(_time_of, lines))
    for line in lines:
        moment = _time_of(line)
        fresh = moment >= earliest if moment else fresh
        if fresh:
            yield line


def _time_of(line: str) -> datetime | None:
    found = _LEADING_TIME.match(line)
    if found is None:
        return None
    zone = (found[3] or "Z").replace("Z", "+00:00")
    moment = datetime.fromisoformat(f"{found[1].replace(' ', 'T')}.{(found[2] or '0').ljust(6, '0')}{zone}")
    return moment.astimezone(UTC)
