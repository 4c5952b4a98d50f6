"""How the offline model investigates: look at everything once, then confirm what the analyzers found."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import get_args

from agent.investigation import Verdict
from agent.offline.history import Call, History, Look
from domain.causes import CAUSES, FaultClass
from domain.diagnosis import Finding, RankedCause
from domain.evidence import Claim
from domain.objects import WorkloadKind

CONFIRMED = 2
"""Findings that are confirmed with further calls."""

CAUSES_KEPT = 5
CLAIMS_ADDED = 3

SLOW = frozenset({"slow_dependency", "pod_network_delay", "node_network_delay", "bad_release"})
LOGGED: frozenset[FaultClass] = frozenset({"Startup_Fault", "Runtime_Fault"})
RELEASED: frozenset[FaultClass] = frozenset({"Change_Fault"})
MEASURED: frozenset[FaultClass] = frozenset({"Performance_Fault", "Change_Fault"})


class TriageConduct:
    """Analyse, confirm, conclude."""

    def next_calls(self, seen: History) -> Sequence[Call]:
        """The analysis first; then, at once, what confirms its best findings; after that nothing."""
        analyses = seen.of_tool("analyse_namespace")
        if not analyses:
            return [Call("analyse_namespace", {})]
        findings = findings_of(seen)
        if not findings:
            return [Call("list_alerts", {}), Call("check_signals", {})]
        return [call for finding in findings[:CONFIRMED] for call in confirming(finding, analyses)]

    def conclusion(self, seen: History) -> Verdict:
        """The findings as causes, with what the confirming calls showed."""
        return Verdict(causes=tuple(_cause(finding, seen) for finding in findings_of(seen)[:CAUSES_KEPT]))


def findings_of(seen: History) -> tuple[Finding, ...]:
    """All findings, the surest first, each cause and object once."""
    found = (finding for look in seen.of_tool("analyse_namespace") for finding in look.noted.findings)
    unique: dict[tuple[str, str], Finding] = {}
    for finding in found:
        unique.setdefault((finding.cause, str(finding.object)), finding)
    return tuple(sorted(unique.values(), key=lambda finding: -finding.confidence))


def confirming(finding: Finding, analyses: Sequence[Look]) -> list[Call]:
    """The calls that show whether a finding holds, by its kind of fault."""
    fault = CAUSES[finding.cause].fault
    name, namespace = finding.object.name, finding.object.namespace
    application = application_of(finding, analyses)
    calls: list[Call] = []
    if fault in RELEASED and application:
        calls += [Call("get_application", {"name": application}), Call("application_diff", {"name": application})]
    elif finding.object.kind in get_args(WorkloadKind):
        tool = "rollout_history" if fault in RELEASED else "describe_workload"
        calls.append(Call(tool, {"name": name, "kind": finding.object.kind, "namespace": namespace}))
    if fault in LOGGED and finding.object.kind in {*get_args(WorkloadKind), "pod"}:
        calls.append(Call("pod_logs", {"pod": name, "namespace": namespace, "grep": "error|fatal|panic|exception"}))
    if fault in MEASURED:
        calls.append(Call("check_signals", {"service": name, "namespace": namespace}))
    if finding.cause in SLOW:
        calls.append(Call("search_traces", {"service": name, "errors_only": finding.cause == "bad_release"}))
    return calls or [Call("list_events", {"name": name, "kind": finding.object.kind, "namespace": namespace})]


def application_of(finding: Finding, analyses: Sequence[Look]) -> str | None:
    """The Argo CD application behind a finding's object."""
    if finding.object.kind == "application":
        return finding.object.name
    for look in analyses:
        for entry in look.noted.inventory.workloads:
            if str(entry.ref) == str(finding.object) and entry.application:
                return entry.application
    return None


def _cause(finding: Finding, seen: History) -> RankedCause:
    added = [claim for claim in _confirmed(finding, seen) if claim not in finding.claims]
    claims = (*finding.claims, *added[:CLAIMS_ADDED])
    return RankedCause(cause=finding.cause, object=finding.object, confidence=finding.confidence, claims=claims)


def _confirmed(finding: Finding, seen: History) -> list[Claim]:
    """Claims of the finding's own confirming calls: the first of each call, then the second of each, and so on."""
    wanted = {call.identity for call in confirming(finding, seen.of_tool("analyse_namespace"))}
    told = [look.noted.claims for look in seen.looks if look.call.identity in wanted]
    return [claim for row in zip_longest(*told) for claim in row if claim is not None]
