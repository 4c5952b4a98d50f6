"""What the offline model does about a question: learn what exists, look where it points, repeat what was seen."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import JsonValue

from agent.answers.events import Reply
from agent.answers.question import Intent, Question, intents_of, read
from agent.callgraph import CallGraph
from agent.offline.history import Call, History
from agent.offline.triage import findings_of
from agent.toolset.metrics import DEPENDENCIES
from domain.causes import CAUSES
from domain.diagnosis import Finding
from domain.evidence import Claim
from domain.inventory import WorkloadEntry

CLAIMS = 8
EXPLAINING: tuple[Intent, ...] = ("why", "slow", "errors")
"""What a finding of the analysis answers."""

SIGNALS: dict[Intent, list[str]] = {
    "slow": ["latency_p95", "saturation", "cpu_usage", "request_rate"],
    "errors": ["error_ratio", "restarts", "request_rate"],
    "why": ["error_ratio", "latency_p95", "request_rate"],
    "status": ["error_ratio", "latency_p95", "saturation", "restarts", "cpu_usage", "memory_usage", "request_rate"],
}
NEEDS_NO_NAMES: frozenset[Intent] = frozenset({"seen", "procedure"})


class AskConduct:
    """Answers one question."""

    def __init__(self, question: str, namespace: str | None, at: datetime) -> None:
        self._text = question
        self._namespace = namespace
        self._at = at

    def next_calls(self, seen: History) -> Sequence[Call]:
        """First what exists, then everything the question asks for at once."""
        intents = intents_of(self._text)
        if not intents:
            return []
        if not NEEDS_NO_NAMES.issuperset(intents) and not seen.of_tool("list_workloads"):
            return [Call("list_workloads", {"namespace": self._namespace})]
        return asked_for(self.question(seen))

    def conclusion(self, seen: History) -> Reply:
        """The claims that answer the question."""
        question = self.question(seen)
        claims = tuple(dict.fromkeys(_claims(question, seen)))[:CLAIMS]
        explained = "why" not in question.intents or bool(relevant(question, seen))
        return Reply(claims=claims, sufficient=bool(claims) and explained)

    def question(self, seen: History) -> Question:
        """The question, read against the workloads that were seen."""
        listed = [entry for look in seen.of_tool("list_workloads") for entry in look.noted.inventory.workloads]
        return read(self._text, listed, self._namespace, self._at)


def asked_for(question: Question) -> list[Call]:
    """The calls that answer each intent; none for a service that does not exist."""
    if question.unknown:
        return []
    calls = [call for intent in question.intents for call in _calls(intent, question)]
    return list({call.identity: call for call in calls}.values())


def _calls(intent: Intent, question: Question) -> list[Call]:
    match intent:
        case "why" | "slow" | "errors":
            look = Call("analyse_namespace", {"namespace": question.namespace, "service": question.service})
            return [look, *_signal_calls(intent, question), *_trace_calls(intent, question), *_graph_calls(question)]
        case "changed":
            return _change_calls(question)
        case "firing":
            return [Call("list_alerts", {"namespace": question.namespace or "*", "service": question.service})]
        case "status":
            alerts = Call("list_alerts", {"namespace": question.namespace or "*", "service": question.service})
            return [*map(_replica_call, filter(None, [question.workload])), alerts, *_signal_calls(intent, question)]
        case "seen" | "procedure":
            return [Call("search_knowledge", {"text": question.text, "service": question.service})]
        case "calls":
            return [Call("check_signals", {**_where(question), "signals": [DEPENDENCIES]})]


def _replica_call(workload: WorkloadEntry) -> Call:
    ref = workload.ref
    return Call("describe_workload", {"name": ref.name, "kind": ref.kind, "namespace": ref.namespace})


def _change_calls(question: Question) -> list[Call]:
    if question.workload is None:
        since = question.start.isoformat()
        return [Call("list_workloads", {"namespace": question.namespace, "changed_since": since})]
    ref, application = question.workload.ref, question.workload.application
    history = Call("rollout_history", {"name": ref.name, "kind": ref.kind, "namespace": ref.namespace})
    return [history, *([Call("get_application", {"name": application})] if application else [])]


def _signal_calls(intent: Intent, question: Question) -> list[Call]:
    """Signals of the service; without one there is no telling whose."""
    if question.service is None:
        return []
    return [Call("check_signals", {**_where(question), "signals": list[JsonValue](SIGNALS[intent])})]


def _trace_calls(intent: Intent, question: Question) -> list[Call]:
    if intent == "why" or question.service is None:
        return []
    return [
        Call(
            "search_traces",
            {"service": question.service, "errors_only": intent == "errors", "minutes": min(question.minutes, 60)},
        )
    ]


def _graph_calls(question: Question) -> list[Call]:
    """Who calls whom, to tell whether a fault elsewhere reaches the service asked about."""
    if question.service is None:
        return []
    return [Call("check_signals", {"namespace": question.namespace, "signals": [DEPENDENCIES], "minutes": 5})]


def _where(question: Question) -> dict[str, JsonValue]:
    return {
        "service": question.service,
        "namespace": question.namespace,
        # The time before the one asked about is what it is compared with.
        "minutes": min(2 * question.minutes, 1440),
        "ending_at": question.end.isoformat(),
    }


def _claims(question: Question, seen: History) -> Iterable[Claim]:
    """What each intent's calls showed, in order of the intents; for explanations the best finding first."""
    overall = "status" in question.intents and question.service is None
    if overall:
        yield from (claim for look in seen.of_tool("list_workloads") for claim in look.noted.claims)
    graph = {call.identity for call in _graph_calls(question)} if "calls" not in question.intents else set[str]()
    for intent in question.intents:
        if intent in EXPLAINING:
            for finding in relevant(question, seen)[:1]:
                yield named(finding)
                yield from finding.claims[:3]
                yield from _connecting(question, finding, seen)
        wanted = {call.identity for call in _calls(intent, question)} - graph
        yield from (claim for look in seen.looks if look.call.identity in wanted for claim in look.noted.claims)


def relevant(question: Question, seen: History) -> list[Finding]:
    """Findings about the service asked about, else about what it calls, directly or not."""
    findings, service = findings_of(seen), question.service
    if service is None:
        return list(findings)
    own = [finding for finding in findings if finding.object.name == service]
    below = CallGraph.of(_pairs(seen)).below(service)
    return own or [finding for finding in findings if finding.object.name in below]


def _connecting(question: Question, finding: Finding, seen: History) -> Iterable[Claim]:
    """How the service asked about comes to depend on the finding's: the first call on the way, and the last."""
    service, culprit = question.service, finding.object.name
    if service in {None, culprit}:
        return
    graph, pairs = CallGraph.of(_pairs(seen)), _pairs(seen)
    first = (pair for pair in pairs if pair[0] == service and culprit in {pair[1], *graph.below(pair[1])})
    last = (pair for pair in pairs if pair[1] == culprit and service in {pair[0], *graph.above(pair[0])})
    for pair in dict.fromkeys(filter(None, (next(first, None), next(last, None)))):
        yield pairs[pair]


def _pairs(seen: History) -> dict[tuple[str, str], Claim]:
    """Every `client calls server` that was seen, with the claim that says so."""
    found: dict[tuple[str, str], Claim] = {}
    for look in seen.of_tool("check_signals"):
        for claim in look.noted.claims:
            client, calls, server = claim.text.partition(" calls ")
            if calls:
                found.setdefault((client, server), claim)
    return found


def named(finding: Finding) -> Claim:
    """The cause in words, resting on what the finding rests on."""
    text = f"most likely: {CAUSES[finding.cause].title} ({finding.object})"
    return Claim(text=text, citations=finding.claims[0].citations)
