"""What others refuse: requests over a rate limit, connections from an empty pool."""

import re
from collections.abc import Iterator

from agent.analyzers.distress import complaints, distress_of
from agent.analyzers.journal import Line, Phrases
from agent.analyzers.suspicion import LIKELY, STRONG, Suspicion
from agent.cluster.workloads import Workload
from agent.looks import number, states
from agent.situation import Situation, reference

TOO_OFTEN = Phrases(
    "429",
    "too many requests",
    "toomanyrequests",
    "rate limit",
    "rate-limit",
    "ratelimit",
    "throttlingexception",
    "rate exceeded",
    "resource_exhausted",
    "slowdown",
    also=r"too ?many ?requests|\b(?:status|code|http|error)\D{0,12}429\b"
    r"|rate.?limit(?:ed|\s+(?:was )?(?:exceeded|reached|hit))|exceed\w* (?:\w+ ){0,3}rate.?limit"
    r"|ThrottlingException|Rate exceeded|SlowDown"
    r"|RESOURCE_EXHAUSTED(?!.*(?:larger than max|memory|disk))",
)
POOL_WORDS = Phrases(
    "Connection is not available, request timed out",
    "QueuePool limit",
    "pool exhausted",
    "pool is exhausted",
    "PoolExhausted",
    "pool error Timeout waiting for idle object",
    "Could not get a resource from the pool",
    "Timeout waiting for connection from pool",
    "ConnectionPoolTimeout",
    "timeout acquiring a connection",
    "prior to obtaining a connection from the pool",
    "waiting for a connection from the connection pool",
    "MongoWaitQueueFull",
    "pool is probably full",
    "PoolTimeout",
    "no free connections available",
    "all connections in the pool are in use",
)
NOTABLE = 0.02
"""Share of answers that are refusals from which callers notice."""


def rate_limited(situation: Situation) -> Iterator[Suspicion]:
    """Upstreams that refuse for a rate, by what their clients log and by the answers that are counted."""
    for workload, line in complaints(situation, TOO_OFTEN):
        upstream = other_end(situation, workload, line) or workload
        distress = distress_of(situation, workload)
        said = states(f"{line.key.container} is refused: {line.sighting.value}", line.sighting)
        yield Suspicion("rate_limited", reference(upstream), distress.weighs(LIKELY), (said, *distress.statements))
    for anomaly in situation.anomalies:
        if anomaly.signal == "rate_limited_ratio" and anomaly.rise >= NOTABLE and anomaly.ongoing:
            before, now = anomaly.sightings
            text = f"the share of requests that {anomaly.subject} refuses for their rate rose"
            proof = states(f"{text} from {number(before)} to {number(now)}", before, now)
            yield Suspicion("rate_limited", situation.object_behind(anomaly.subject), STRONG, (proof,))


def other_end(situation: Situation, workload: Workload, line: Line) -> Workload | None:
    """The workload behind the Service whose address a line names, unless that is the workload itself."""
    for service in situation.services:
        address = rf"(?<![\w.-]){re.escape(service.name)}(?:\.{re.escape(service.namespace)}[\w.]*)?(?::\d+|/)"
        backend = next(iter(situation.cluster.backends(service)), None)
        if backend is not None and backend is not workload and re.search(address, line.text):
            return backend
    return None


def exhausted_pools(situation: Situation) -> Iterator[Suspicion]:
    """Clients whose own connection pool is empty while the server does not complain."""
    for workload, line in complaints(situation, POOL_WORDS):
        distress = distress_of(situation, workload)
        said = states(f"{line.key.container} waits for a connection: {line.sighting.value}", line.sighting)
        yield Suspicion(
            "connection_pool_exhausted", reference(workload), distress.weighs(LIKELY), (said, *distress.statements)
        )
