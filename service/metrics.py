"""The service's own metrics, in Prometheus' text format. Facts are counted where they are appended."""

import re
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from domain import facts
from domain.facts import Fact
from service.store.facts import Appended
from service.store.mail import Depth

TRIAGE = "incident_triage"
RUN_BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class Metrics:
    """One registry of a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._runs = Histogram(
            "workflow_run_duration_seconds",
            "From start to end of a workflow run, without the time it waited for people",
            ("workflow", "result"),
            buckets=RUN_BUCKETS,
            registry=self.registry,
        )
        self._waits = Histogram(
            "approval_wait_seconds",
            "How long the plans of an incident waited for people",
            buckets=(10, 60, 300, 900, 3600, 14_400, 86_400),
            registry=self.registry,
        )
        self._retries = Counter(
            "workflow_retries", "Activity attempts after the first", ("workflow",), registry=self.registry
        )
        self._events = Counter("domain_events", "Facts appended", ("event", "result"), registry=self.registry)
        self._tools = Histogram("tool_call_duration_seconds", "Read-only tool calls", ("tool",), registry=self.registry)
        self._requests = Histogram(
            "http_request_duration_seconds",
            "HTTP requests",
            ("method", "route", "status"),
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._inbox_depth = Gauge("inbox_depth", "Stored alert posts not delivered yet", registry=self.registry)
        self._inbox_age = Gauge("inbox_oldest_seconds", "Age of the oldest of them", registry=self.registry)
        self._set_aside = Gauge(
            "inbox_set_aside", "Stored alert posts that cannot be read or delivered", registry=self.registry
        )
        self._failing = Gauge(
            "inbox_failing_groups",
            "Alert groups whose deliveries fail though Temporal is there",
            registry=self.registry,
        )
        self._pending = Gauge("approvals_pending", "Incidents with a plan under review", registry=self.registry)

    def appended(self, news: Appended) -> None:
        """Count what the store appended; subscribe this to `Facts`."""
        for item in news.facts:
            self._events.labels(event_name(item.fact), result_of(item.fact)).inc()
            if isinstance(item.fact, facts.EvidenceCollected):
                self._tools.labels(item.fact.tool).observe(item.fact.seconds)
            if isinstance(item.fact, facts.IncidentClosed):
                elapsed = (item.fact.at - news.incident.opened_at).total_seconds()
                self._runs.labels(TRIAGE, item.fact.status).observe(max(0.0, elapsed - news.awaited))
                self._waits.observe(news.awaited)

    def retried(self, workflow: str) -> None:
        """An activity of that workflow was tried again."""
        self._retries.labels(workflow).inc()

    def requested(self, method: str, route: str, status: int, seconds: float) -> None:
        """An HTTP request ended. `route` is the template, so that ids make no series."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def watch_failing_groups(self, count: Callable[[], int]) -> None:
        """Show what `count` says whenever the metrics are read."""
        self._failing.set_function(count)

    def render(self, inbox: Depth, pending: int) -> bytes:
        """The exposition text."""
        self._inbox_depth.set(inbox.rows)
        self._inbox_age.set(inbox.age)
        self._set_aside.set(inbox.set_aside)
        self._pending.set(pending)
        return generate_latest(self.registry)


def event_name(fact: Fact) -> str:
    """`workflow_incident_triage_` and the fact's type in snake case."""
    return f"workflow_{TRIAGE}_{_WORD.sub('_', fact.type).lower()}"


def result_of(fact: Fact) -> str:  # noqa: PLR0911 - one case a fact
    """`ok`, or what went wrong."""
    match fact:
        case facts.RemediationFailed() | facts.PlannerFellBack():
            return "failed"
        case facts.VerificationCompleted():
            return "ok" if fact.passed else "failed"
        case facts.RemediationRolledBack():
            return "ok" if fact.succeeded else "failed"
        case facts.PatternLookupCompleted():
            return "unavailable" if fact.unavailable else "ok"
        case facts.IncidentEscalated():
            return "ok" if fact.paged else "failed"
        case facts.DecisionRecorded():
            return fact.decision.kind
        case facts.IncidentClosed():
            return fact.status
        case _:
            return "ok"
