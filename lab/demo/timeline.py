"""An incident's facts as lines on a terminal, as they happen."""

from collections.abc import Iterator
from datetime import datetime
from functools import singledispatch

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from lab.demo import facts
from lab.demo.card import plan_card

CLAIMS_SHOWN = 3
LINE = 110
"""Characters of a summary that are shown; the API has the rest."""


class Timeline:
    """Prints facts with the seconds since the scene began. Text from outside is printed as it is, never as markup."""

    def __init__(self, console: Console, began: datetime) -> None:
        self._console = console
        self._began = began

    def show(self, fact: facts.Fact) -> None:
        """Print what the fact has to say; facts without a line of their own are skipped."""
        seconds = (fact.at - self._began).total_seconds()
        for number, line in enumerate(_lines(fact)):
            if isinstance(line, Text):
                stamp = f"{seconds:+7.1f}s  " if number == 0 else " " * 10
                self._console.print(Text.assemble((stamp, "dim"), line), soft_wrap=True)
            else:
                self._console.print(Padding(line, (0, 0, 0, 10)))


@singledispatch
def _lines(fact: facts.Fact) -> Iterator[RenderableType]:
    del fact
    yield from ()


@_lines.register
def _opened(fact: facts.IncidentOpened) -> Iterator[RenderableType]:
    yield Text.assemble(("incident ", "bold"), fact.title, (f"  [{fact.severity}]", "red"))
    for alert in fact.alerts:
        yield Text(f"alert {alert.labels.get('alertname', '')} on {alert.labels.get('service', '')}", "dim")


@_lines.register
def _alerts(fact: facts.AlertsUpdated) -> Iterator[RenderableType]:
    firing = [alert.labels.get("alertname", "") for alert in fact.alerts if alert.status == "firing"]
    if firing:
        yield Text(f"Alertmanager: firing {', '.join(firing)}")
    else:
        yield Text("Alertmanager: all resolved", "green")


@_lines.register
def _lookup(fact: facts.PatternLookupCompleted) -> Iterator[RenderableType]:
    if fact.unavailable:
        yield Text(f"pattern lookup: unavailable, {fact.unavailable}", "yellow")
    elif fact.known_pattern:
        yield Text.assemble(("pattern lookup: known, ", "bold green"), fact.known_pattern)
    else:
        yield Text(f"pattern lookup: nothing known ({len(fact.matches)} hits, none of them sure enough)")
    for match in [match for match in fact.matches if match.known]:
        yield Text(f"{match.kind} {match.title!r}, confidence {match.confidence:.2f}", "dim")


@_lines.register
def _rechecked(fact: facts.PatternRechecked) -> Iterator[RenderableType]:
    verdict = ("holds", "green") if fact.confirmed else ("does not hold", "yellow")
    yield Text.assemble("re-checked live: ", verdict, f", {_short(fact.reason)}")


@_lines.register
def _evidence(fact: facts.EvidenceCollected) -> Iterator[RenderableType]:
    yield Text.assemble("tool ", (fact.tool, "cyan"), (f"  {fact.seconds * 1000:.0f} ms", "dim"))
    for item in fact.evidence:
        yield Text(f"{item.id}  {_short(item.unavailable or item.summary)}", "yellow" if item.unavailable else "dim")


@_lines.register
def _fell_back(fact: facts.PlannerFellBack) -> Iterator[RenderableType]:
    yield Text(f"{fact.from_planner} gave up ({_short(fact.reason)}); {fact.to_planner} took over", "yellow")


@_lines.register
def _triaged(fact: facts.TriagePhaseCompleted) -> Iterator[RenderableType]:
    yield Text.assemble(
        ("diagnosis ", "bold"), _short(fact.diagnosis.summary), (f"  ({fact.diagnosis.planner})", "dim")
    )
    for rank, cause in enumerate(fact.diagnosis.causes, start=1):
        found = (f"{cause.cause} in {cause.object}", "bold" if rank == 1 else "")
        yield Text.assemble(f"{rank}. ", found, f"  confidence {cause.confidence:.2f}")
        for claim in cause.claims[:CLAIMS_SHOWN]:
            yield Text.assemble(f"   {_short(claim.text)} ", (f"[{', '.join(claim.evidence)}]", "dim"))


@_lines.register
def _linked(fact: facts.IncidentLinked) -> Iterator[RenderableType]:
    yield Text(f"same cause as incident {fact.other_incident}")


@_lines.register
def _proposed(fact: facts.RemediationProposed) -> Iterator[RenderableType]:
    yield Text("plan awaits approval", "bold")
    yield plan_card(fact)


@_lines.register
def _decided(fact: facts.DecisionRecorded) -> Iterator[RenderableType]:
    reason = f": {fact.decision.reason}" if fact.decision.reason else ""
    said = (fact.decision.kind, "bold green" if fact.decision.kind == "approve" else "bold red")
    yield Text.assemble(f"{fact.decision.actor} says ", said, f"{reason}; the plan is {fact.outcome}")


@_lines.register
def _voided(fact: facts.PlanVoided) -> Iterator[RenderableType]:
    yield Text(f"the plan no longer stands: {_short(fact.reason)}", "yellow")


@_lines.register
def _applied(fact: facts.RemediationApplied) -> Iterator[RenderableType]:
    yield Text.assemble((f"{fact.action} {fact.target}", "bold"), f": {_short(fact.detail)}")


@_lines.register
def _failed(fact: facts.RemediationFailed) -> Iterator[RenderableType]:
    yield Text(f"{fact.action} {fact.target} failed: {_short(fact.reason)}", "red")


@_lines.register
def _verifying(fact: facts.VerificationStarted) -> Iterator[RenderableType]:
    yield Text(f"verification: {len(fact.checks)} checks must hold for {fact.soak_seconds:g} s")
    for check in fact.checks:
        yield Text(f"{check}", "dim")


@_lines.register
def _verified(fact: facts.VerificationCompleted) -> Iterator[RenderableType]:
    yield Text("verification passed" if fact.passed else "verification failed", "green" if fact.passed else "red")
    for result in fact.results:
        mark = {True: "✓", False: "✗", None: "?"}[result.passed]
        yield Text(f"{mark} {_short(result.observed)}", "dim")


@_lines.register
def _undone(fact: facts.RemediationRolledBack) -> Iterator[RenderableType]:
    done = "undone" if fact.succeeded else "could not be undone"
    yield Text(f"{fact.action} {fact.target} {done}: {_short(fact.detail)}", "yellow" if fact.succeeded else "red")


@_lines.register
def _escalated(fact: facts.IncidentEscalated) -> Iterator[RenderableType]:
    yield Text(f"{'a human was paged' if fact.paged else 'nobody could be paged'}: {_short(fact.reason)}", "bold red")


@_lines.register
def _documented(fact: facts.DocumentationCompleted) -> Iterator[RenderableType]:
    learned = f", pattern {fact.pattern_id}" if fact.pattern_id else ""
    yield Text(f"written to the backlog: {fact.backlog_item}{learned}")


@_lines.register
def _closed(fact: facts.IncidentClosed) -> Iterator[RenderableType]:
    style = "bold green" if fact.status == "resolved" else "bold yellow"
    yield Text.assemble(("closed: " + fact.status, style), f", {_short(fact.reason)}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LINE else f"{line[: LINE - 1]}…"
