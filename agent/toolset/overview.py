"""The analyzers as a tool: everything looked at once, findings ranked."""

from pydantic_ai import RunContext

from agent.analysis import Analysis, Sources, analyse
from agent.toolset.cited import CitedAnswer, render
from agent.toolset.focus import Focus
from domain.diagnosis import Finding
from domain.evidence import Claim, Evidence
from domain.inventory import ApplicationEntry, Inventory, WorkloadEntry

FINDINGS = 6
WORKLOADS = 60
REVISIONS = 6
OBSERVATIONS = 200
"""Over all evidence of an analysis; cited ones are always kept."""


class OverviewTools:
    """The first look."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def analyse_namespace(
        self, ctx: RunContext[Focus], namespace: str | None = None, service: str | None = None
    ) -> CitedAnswer:
        """Look at everything in a namespace at once: objects, events, logs, signals, alerts, applications, traces.

        Answers with ranked findings: cause, object, calibrated confidence, and claims ready to be repeated. Call it
        first; use the other tools to confirm or refute what it found.

        Args:
            namespace: The incident's if left out.
            service: The service to look at most closely; the incident's if left out.
        """
        focus = ctx.deps
        analysis = await analyse(
            self._sources,
            namespace or focus.namespace,
            at=focus.at,
            service=service or focus.service,
            alerts=focus.alerts,
        )
        return overview(analysis)


def overview(analysis: Analysis) -> CitedAnswer:
    """An analysis as an answer: the best findings, the evidence they cite, and the objects they are about."""
    findings = analysis.findings[:FINDINGS]
    evidence = _evidence(analysis.evidence, (*_claims(findings), *analysis.suspects))
    note = "" if findings else "no finding: nothing that was seen points at a fault"
    return CitedAnswer(
        text=render(evidence, findings=findings, claims=analysis.suspects, note=note),
        evidence=evidence,
        inventory=related(analysis.inventory, findings, WORKLOADS),
        findings=findings,
    )


def related(inventory: Inventory, findings: tuple[Finding, ...], limit: int) -> Inventory:
    """At most `limit` workloads, those of the findings first, and the applications that track them."""
    names = [finding.object.name for finding in findings]
    ordered = sorted(inventory.workloads, key=lambda entry: _rank(entry, names))
    workloads = tuple(_recent(entry) for entry in ordered[:limit])
    tracked = {entry.application for entry in workloads} | set(names)
    applications = tuple(_latest(entry) for entry in inventory.applications if entry.name in tracked)
    return Inventory(workloads=workloads, applications=applications)


def _rank(entry: WorkloadEntry, names: list[str]) -> tuple[int, bool, str]:
    place = min(
        (names.index(name) for name in (entry.ref.name, entry.application) if name in names), default=len(names)
    )
    return place, entry.ready >= entry.replicas, entry.ref.name


def _recent(entry: WorkloadEntry) -> WorkloadEntry:
    return entry.model_copy(update={"revisions": entry.revisions[-REVISIONS:]})


def _latest(entry: ApplicationEntry) -> ApplicationEntry:
    return entry.model_copy(update={"history": entry.history[-REVISIONS:]})


def _claims(findings: tuple[Finding, ...]) -> tuple[Claim, ...]:
    return tuple(claim for finding in findings for claim in finding.claims)


def _evidence(evidence: tuple[Evidence, ...], claims: tuple[Claim, ...]) -> tuple[Evidence, ...]:
    """What the claims cite, then what could not be seen; uncited observations only while there is room."""
    cited = {(citation.evidence, citation.key) for claim in claims for citation in claim.citations}
    ids = {evidence_id for evidence_id, _ in cited}
    kept = [item for item in evidence if item.id in ids or item.unavailable]
    room = OBSERVATIONS - len(cited)
    trimmed: list[Evidence] = []
    for item in kept:
        needed = [seen for seen in item.observations if (item.id, seen.key) in cited]
        spare = [seen for seen in item.observations if (item.id, seen.key) not in cited][: max(room, 0)]
        room -= len(spare)
        trimmed.append(item.model_copy(update={"observations": (*needed, *spare)}))
    return tuple(trimmed)
