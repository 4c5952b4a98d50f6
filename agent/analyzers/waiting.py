"""Where the time of slow traces goes: in a service itself, or in a call whose other end nobody measures."""

from dataclasses import dataclass

from agent.looks import Statement, states
from agent.situation import Situation, Trace
from tools.tempo.models import PathStep, SpanView

PEER = ("peer.service", "server.address", "net.peer.name", "db.system")
"""Attributes that name the other end of a call, by OpenTelemetry's conventions; the first that is there counts."""
MOST = 0.4
"""Share of a trace's time that one span must have for the trace to be about it."""


@dataclass(frozen=True)
class Wait:
    """The service that holds a trace up. `outside`: it waits for something that is no measured service."""

    service: str
    outside: bool
    statement: Statement


def wait_of(situation: Situation, service: str) -> Wait | None:
    """What holds up the traces that `service` takes part in, by the first trace that says so plainly."""
    for trace in situation.traces:
        if any(share.service == service for share in trace.summary.services):
            found = _wait(situation, trace)
            if found is not None:
                return found
    return None


def _wait(situation: Situation, trace: Trace) -> Wait | None:
    path = trace.summary.critical_path
    longest: PathStep | None = max(path, key=lambda step: step.self_ms, default=None)
    if longest is None or longest.self_ms < MOST * trace.summary.duration_ms:
        return None
    span = next((item for item in trace.summary.slowest_spans if item.span_id == longest.span_id), None)
    peer = _peer(span)
    calling = span is not None and span.kind == "client"
    if calling and (_known(situation, peer) if peer else situation.calls.called_by(longest.service)):
        return None  # the other end is measured itself, and its own numbers say whether it is slow
    outside = calling
    key = f"{longest.service} {longest.name} {longest.span_id}"
    seen = trace.look.sees(key, round(longest.self_ms, 1), "ms")
    whom = f" to {peer}" if outside and peer else ""
    text = f"in a trace {longest.service} spends {seen.value:g} ms in {longest.name}{whom}"
    return Wait(longest.service, outside, states(text, seen))


def _peer(span: SpanView | None) -> str:
    attributes = span.attributes if span else {}
    return next((attributes[name] for name in PEER if name in attributes), "")


def _known(situation: Situation, peer: str) -> bool:
    """Whether the other end is a Service or workload that is measured itself."""
    host = peer.split(":", 1)[0].split(".", 1)[0]
    return any(item.name == host for item in (*situation.services, *situation.workloads))
