"""Log lines as the languages' usual libraries write them."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from evals.synthesis.shapes import App, Pod
from evals.synthesis.systems import Component, Language
from evals.synthesis.telemetry import Entry
from evals.synthesis.wording import worded
from evals.synthesis.world import World

ROUTINE: dict[Language, tuple[str, ...]] = {
    "go": ("request handled", "cache refreshed", "request handled", "config reloaded"),
    "java": (
        "Completed 200 OK",
        "HikariPool-1 - Pool stats (total=10, active=1, idle=9, waiting=0)",
        "Completed 200 OK",
    ),
    "node": ("request completed", "request completed", "heartbeat"),
    "python": ("GET /v1/status 200", "POST /v1/items 201", "GET /v1/items 200"),
    "mysql": ("[System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections. Version: '8.0.39'",),
    "postgres": ("checkpoint complete: wrote 41 buffers (0.3%)", "checkpoint starting: time"),
    "redis": ("Background saving terminated with success", "DB saved on disk"),
    "nginx": ("GET /api/v1/overview HTTP/1.1", "GET /assets/app.js HTTP/1.1"),
}
PINO = {"info": 30, "warn": 40, "error": 50}


def logs(world: World) -> dict[str, str]:
    """The logs of all containers that have any, by `namespace/pod/container`."""
    found: dict[str, str] = {}
    for app in world.apps.values():
        for pod in app.pods:
            for container in pod.containers:
                _collect(world, app, pod, container.name, found)
            for container in pod.init:
                _collect(world, app, pod, container.name, found)
    return found


def _collect(world: World, app: App, pod: Pod, container: str, found: dict[str, str]) -> None:
    said = world.telemetry.entries.get((pod.name, container), [])
    key = f"{world.system.namespace}/{pod.name}/{container}"
    state = next(item for item in (*pod.containers, *pod.init) if item.name == container)
    routine = list(_routine(world, app.component)) if state.running and pod.phase == "Running" else []
    for previous, suffix in ((False, ""), (True, "/previous")):
        entries = [item for item in said if item.previous == previous] + ([] if previous else routine)
        lines = [_line(app.component, item) for item in sorted(entries, key=lambda item: item.at)]
        if lines:
            found[key + suffix] = "\n".join(lines) + "\n"


def _routine(world: World, component: Component) -> Iterator[Entry]:
    for _ in range(6):
        yield Entry(world.ago(world.dice.randint(5, 1500)), "info", world.dice.choice(ROUTINE[component.language]))


def say(world: World, pod: Pod, *texts: str, level: str = "error", previous: bool = False, container: str = "") -> None:
    """Let a container log the texts some times since the onset, the last of them shortly before now."""
    entries = world.telemetry.entries.setdefault((pod.name, container or pod.main.name), [])
    span = max((world.now - world.onset).total_seconds(), 30)
    for turn in (0.9, 0.5, 0.05):
        for place, text in enumerate(texts):
            entries.append(Entry(world.ago(span * turn - 0.01 * place), level, text, previous))


def refused(caller: Component, callee: Component, address: str) -> str:
    """How a caller's library says that nobody accepts the connection."""
    return worded("refused", caller.language, host=callee.name, port=callee.port, address=address)


def _line(component: Component, entry: Entry) -> str:
    return FORMATS[component.language](component, entry)


def _stamp(at: datetime, separator: str = "T", zone: str = "Z", fraction: str = ".") -> str:
    text = (at + timedelta(microseconds=1000)).isoformat(sep=separator, timespec="milliseconds").partition("+")[0]
    return text.replace(".", fraction) + zone


def _go(component: Component, entry: Entry) -> str:
    return json.dumps({"level": entry.level, "ts": _stamp(entry.at), "logger": component.name, "msg": entry.text})


def _java(component: Component, entry: Entry) -> str:
    name = component.name.replace("-", ".")
    thread = f"[{component.name}] [nio-{component.port}-exec-3]"
    return f"{_stamp(entry.at)} {entry.level.upper():>5} 1 --- {thread} {name}.Service : {entry.text}"


def _node(component: Component, entry: Entry) -> str:
    return json.dumps({"level": PINO[entry.level], "time": _stamp(entry.at), "name": component.name, "msg": entry.text})


def _python(component: Component, entry: Entry) -> str:
    return f"{_stamp(entry.at, ' ', '', ',')} {entry.level.upper()} {component.name}.service {entry.text}"


def _mysql(component: Component, entry: Entry) -> str:
    return f"{_stamp(entry.at)} 0 {entry.text}"


def _postgres(component: Component, entry: Entry) -> str:
    level = {"info": "LOG", "warn": "WARNING", "error": "FATAL"}[entry.level]
    return f"{_stamp(entry.at, ' ', ' UTC')} [27] {level}:  {entry.text}"


def _redis(component: Component, entry: Entry) -> str:
    return f"1:M {entry.at:%d %b %Y %H:%M:%S}.204 {'*' if entry.level == 'info' else '#'} {entry.text}"


def _nginx(component: Component, entry: Entry) -> str:
    if entry.level == "info":
        return f'10.244.0.1 - - [{entry.at:%d/%b/%Y:%H:%M:%S +0000}] "{entry.text}" 200 512 "-" "Mozilla/5.0"'
    return f"{entry.at:%Y/%m/%d %H:%M:%S} [{entry.level}] 29#29: *481 {entry.text}"


FORMATS: dict[Language, Callable[[Component, Entry], str]] = {
    "go": _go,
    "java": _java,
    "node": _node,
    "python": _python,
    "mysql": _mysql,
    "postgres": _postgres,
    "redis": _redis,
    "nginx": _nginx,
}
