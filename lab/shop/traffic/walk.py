"""One request on its way through the call graph."""

import random
from dataclasses import dataclass

from lab.shop.clock import Clock
from lab.shop.cluster.processes import Process
from lab.shop.metrics.requests import EdgeKey, RequestKey, RequestMetrics
from lab.shop.tempo.traces import Attribute, Resource, Span, Trace, TraceStore
from lab.shop.topology import BACKING_VARIABLE, BY_NAME, Call, Operation, address_variable
from lab.shop.traffic.conditions import Conditions
from lab.shop.traffic.network import Network, UnreachableError
from lab.shop.traffic.recording import Recording, close
from lab.shop.traffic.saturation import Saturation

# One log line in this many for requests that went well.
LOG_ONE_IN = 8
DEFAULT_TIMEOUT = 2.0
# Above this share of its memory limit a program spends its time collecting garbage.
MEMORY_PRESSURE = 0.85


@dataclass(frozen=True)
class Outcome:
    """What a caller gets: seconds it took, the HTTP status, and what went wrong (empty when nothing did)."""

    seconds: float
    code: int
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether it is the server's failure."""
        return self.code >= 500


class Walker:
    """Sends single requests through the shop."""

    def __init__(
        self,
        *,
        network: Network,
        saturation: Saturation,
        conditions: Conditions,
        metrics: RequestMetrics,
        traces: TraceStore,
        clock: Clock,
        rng: random.Random,
    ):
        self._network = network
        self._saturation = saturation
        self._conditions = conditions
        self._metrics = metrics
        self._traces = traces
        self._clock = clock
        self._rng = rng
        self._resources: dict[str, Resource] = {}

    def visit(self, address: str, namespace: str, operation: str, client: str, weight: int) -> Outcome:
        """Let a client from outside the call graph do one operation; it stands for `weight` of its kind."""
        try:
            process = self._network.connect(address, namespace)
        except UnreachableError as exc:
            return Outcome(exc.seconds, 503, str(exc))
        trace = Trace(f"{self._rng.getrandbits(128):032x}")
        recording = Recording(self._clock.now(), weight, self._rng, self._resources, trace)
        outcome = self._serve(recording, process, operation, None, 0.0)
        key = EdgeKey(client, process.owner, "")
        self._cross(recording, key, outcome, outcome.seconds)
        if self._traces.offer(trace):
            for histogram, value in recording.observed:
                histogram.exemplify(value, trace.trace_id, recording.begin)
        return outcome

    def _serve(
        self, recording: Recording, process: Process, operation: str, parent: Span | None, offset: float
    ) -> Outcome:
        self._saturation.arrive(process.owner, recording.weight)
        span = recording.span(process, parent, operation, "server", offset)
        outcome = self._handled(recording, process, BY_NAME[process.owner].operation(operation), span, offset)
        method, _, route = operation.partition(" ")
        span.attributes |= {"http.request.method": method, "http.route": route, "http.status_code": outcome.code}
        close(span, outcome.seconds, outcome.error if outcome.failed else "")
        key = RequestKey(process.namespace, process.owner, process.pod, str(outcome.code))
        histogram = self._metrics.served(key, outcome.seconds, recording.weight)
        recording.observed.append((histogram, outcome.seconds))
        self._log(recording, process, operation, outcome, offset)
        return outcome

    def _log(self, recording: Recording, process: Process, operation: str, outcome: Outcome, offset: float) -> None:
        milliseconds = round(outcome.seconds * 1000, 1)
        at = offset + outcome.seconds
        if outcome.failed:
            fields = {"op": operation, "status": outcome.code, "duration_ms": milliseconds}
            recording.log(process, at, "error", outcome.error, **fields)
        elif not self._rng.randrange(LOG_ONE_IN):
            fields = {"op": operation, "status": outcome.code, "duration_ms": milliseconds}
            recording.log(process, at, "info", "request served", **fields)

    def _handled(
        self, recording: Recording, process: Process, operation: Operation, span: Span, offset: float
    ) -> Outcome:
        if self._rng.random() < self._saturation.rejected(process):
            return Outcome(0.004, 503, "request rejected: worker queue is full")
        seconds = self._waited(recording, process, operation, span, offset)
        seconds += self._worked(process, operation)
        build = process.build
        if build and self._rng.random() < build.error_ratio:
            return Outcome(seconds, 500, build.error)
        backing = self._lean(recording, process, span, offset + seconds)
        seconds += backing.seconds
        if backing.failed:
            return Outcome(seconds, backing.code, backing.error)
        for call in operation.calls:
            answer = self._call(recording, process, call, span, offset + seconds)
            seconds += answer.seconds
            if answer.failed and not call.optional:
                code = 504 if answer.code == 504 else 502
                return Outcome(seconds, code, f"{call.operation} at {call.service} failed: {answer.error}")
        return Outcome(seconds, 200)

    def _waited(self, recording: Recording, process: Process, operation: Operation, span: Span, offset: float) -> float:
        wait = self._saturation.wait(process, operation.work) * self._rng.uniform(0.6, 1.4)
        if wait > 0.05:
            contended = self._saturation.contended(process)
            name = f"acquire lock {process.owner}:hot-key" if contended else "wait for worker"
            waited = recording.span(process, span, name, "internal", offset)
            waited.attributes["thread.state"] = "blocked" if contended else "queued"
            close(waited, wait)
            if contended and not self._rng.randrange(LOG_ONE_IN):
                recording.log(process, offset + wait, "warn", f"waited {wait * 1000:.0f}ms for lock hot-key")
        return wait

    def _worked(self, process: Process, operation: Operation) -> float:
        work = operation.work * self._rng.lognormvariate(0.0, 0.35)
        if process.build:
            work += process.build.extra_latency * self._rng.uniform(0.8, 1.3)
        pressure = process.memory / process.memory_limit - MEMORY_PRESSURE
        return work + max(0.0, pressure) * 4.0

    def _lean(self, recording: Recording, process: Process, parent: Span, offset: float) -> Outcome:
        """The call to what the service uses outside the cluster."""
        backing = BY_NAME[process.owner].backing
        address = process.env.get(BACKING_VARIABLE, backing.address)
        span = recording.span(process, parent, backing.statement.split(" ")[0], "client", offset)
        span.attributes |= {"peer.service": backing.host, "server.address": address, "db.system": backing.system}
        span.attributes["db.query.text"] = backing.statement
        delay = self._conditions.backing_delays.get(process.owner, 0.0)
        seconds = (backing.latency + delay) * self._rng.lognormvariate(0.0, 0.25)
        try:
            self._network.reach_outside(address)
            outcome = Outcome(seconds, 200)
        except UnreachableError as exc:
            outcome = Outcome(exc.seconds, 500, f"{backing.system}: {exc}")
        close(span, outcome.seconds, outcome.error)
        if delay:
            text = f"slow call to {backing.host}: {seconds:.2f}s"
            recording.log(process, offset + seconds, "warn", text, statement=backing.statement)
        key = EdgeKey(process.owner, backing.host, "database" if backing.port == 5432 else "virtual_node")
        self._cross(recording, key, outcome, None)
        return outcome

    def _call(self, recording: Recording, process: Process, call: Call, parent: Span, offset: float) -> Outcome:
        """A call to another service, by the address in the caller's environment and within its timeout."""
        address = process.env.get(address_variable(call.service), "")
        span = recording.span(process, parent, call.operation, "client", offset)
        attributes: dict[str, Attribute] = {"server.address": address, "peer.service": call.service}
        span.attributes |= attributes
        served: float | None = None
        try:
            target = self._network.connect(address, process.namespace)
            answer = self._serve(recording, target, call.operation, span, offset + 0.001)
            served = answer.seconds
            outcome = _within(answer, _timeout(process))
        except UnreachableError as exc:
            outcome = Outcome(exc.seconds, 502, str(exc))
        span.attributes["http.status_code"] = outcome.code
        close(span, outcome.seconds, outcome.error if outcome.failed else "")
        if outcome.failed and call.optional:
            recording.log(process, offset + outcome.seconds, "warn", f"{call.service} left out: {outcome.error}")
        self._cross(recording, EdgeKey(process.owner, call.service, ""), outcome, served)
        return outcome

    def _cross(self, recording: Recording, key: EdgeKey, outcome: Outcome, server: float | None) -> None:
        edge = self._metrics.crossed(
            key, client=outcome.seconds, server=server, failed=outcome.failed, weight=recording.weight
        )
        if server is not None:
            recording.observed.append((edge.server_seconds, server))


def _within(answer: Outcome, timeout: float) -> Outcome:
    if answer.seconds <= timeout:
        return Outcome(answer.seconds + 0.001, answer.code, answer.error)
    return Outcome(timeout, 504, "context deadline exceeded while awaiting headers")


def _timeout(process: Process) -> float:
    configured = process.env.get("REQUEST_TIMEOUT", "")
    seconds = configured.removesuffix("s")
    return float(seconds) if seconds.replace(".", "", 1).isdigit() else DEFAULT_TIMEOUT
