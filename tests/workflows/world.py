"""A small world for the workflows: fakes that implement the ports the activities hold, over one in-memory state."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from temporalio.exceptions import ApplicationError

from agent.investigation import Brief, Investigation, ToolStep, Usage
from agent.recheck import Recheck
from domain.actions import Action, RestartWorkload, ScaleWorkload, UndoRollout
from domain.alerts import Alert
from domain.checks import RolloutCheck, SignalCheck
from domain.diagnosis import Blindspot, Diagnosis, RankedCause
from domain.errors import NotFound, PreconditionDrift, UpstreamRejected, UpstreamUnavailable
from domain.evidence import Citation, Claim, Evidence, Observation
from domain.facts import FINAL, Fact
from domain.incidents import Incident, applied, open_incident
from domain.inventory import Inventory, RolloutRevision, WorkloadEntry
from domain.learning import BacklogItem, KnowledgeQuery, Match, Pattern
from domain.objects import ObjectRef, WorkloadRef
from domain.plans import PlanDraft, PredictedEffect, WorkloadPrecondition
from domain.signals import SignalCatalogue
from knowledge.library import Lookup
from tools.alertmanager.models import ActiveAlert
from tools.kubernetes.models import WorkloadState
from tools.kubernetes.write import Applied
from tools.pager.write import Page
from tools.prometheus.models import Sample, Series
from tools.reading import Reading

CHECKOUT = WorkloadRef(namespace="shop", name="checkout")
SEEN = Evidence(
    id="e-1",
    kind="metric",
    source="prometheus",
    query="error_ratio",
    summary="checkout error_ratio 0.35",
    digest="d-1",
    observations=(Observation(key="checkout error_ratio", value=0.35),),
    collected_at=datetime(2026, 1, 1, tzinfo=UTC),
)


AWAY = Blindspot(source="kubernetes", reason="connection refused", passing=True)


class MemoryFacts:
    """A fact store in a list."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.incidents: dict[str, Incident] = {}
        self._ids: set[str] = set()

    async def append(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact.id in self._ids:
                continue
            self._ids.add(fact.id)
            self.facts.append(fact)
            known = self.incidents.get(fact.incident_id)
            self.incidents[fact.incident_id] = applied(known, fact) if known else open_incident(fact)

    async def incident(self, incident_id: str) -> Incident:
        if incident_id not in self.incidents:
            raise NotFound(incident_id)
        return self.incidents[incident_id]

    async def recent_incidents(
        self,
        closed_since: datetime,
        *,
        cause: str,
        object: str,  # noqa: A002 - as the API calls it
    ) -> tuple[Incident, ...]:
        return tuple(
            incident
            for incident in self.incidents.values()
            if (incident.status not in FINAL or incident.updated_at >= closed_since)
            and incident.diagnosis
            and [(first.cause, str(first.object)) for first in incident.diagnosis.causes[:1]] == [(cause, object)]
        )

    async def open_incidents(self) -> tuple[str, ...]:
        return tuple(incident.id for incident in self.incidents.values() if incident.status not in FINAL)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return tuple(alert for incident in self.incidents.values() for alert in incident.alerts)

    def types(self, incident_id: str) -> list[str]:
        return [fact.type for fact in self.facts if fact.incident_id == incident_id]


@dataclass
class Workload:
    """checkout, as the fake cluster holds it."""

    generation: int = 1
    replicas: int = 2
    revision: int = 2
    changes: dict[str, int] = field(default_factory=dict)


class Cluster:
    """Reader, preview and writer of one workload; counts the writes that had an effect.

    `lost_answers` makes that many writes take effect and then fail, as when the connection breaks; with `gone` no other
    attempt gets through. After a write so many reads as `refusals` says are not allowed. With `meddled` somebody else
    changes the workload after each write.
    """

    def __init__(self) -> None:
        self.workload_ = Workload()
        self.writes: list[Action] = []
        self.lost_answers = 0
        self.gone = False
        self.refuse_writes = False
        self.refusals = 0
        self.meddled = False

    async def workload(self, ref: WorkloadRef) -> Reading[WorkloadState]:
        live = self.workload_
        if self.refusals and self.writes:
            self.refusals -= 1
            raise UpstreamRejected("kubernetes", "forbidden", 403)
        state = WorkloadState(
            entry=WorkloadEntry(ref=ref, replicas=live.replicas, ready=live.replicas),
            precondition=self._precondition(),
            available=live.replicas,
            updated=live.replicas,
            observed_generation=live.generation,
            rolled_out=True,
            message="successfully rolled out",
        )
        return Reading(value=state, query=str(ref), digest="d", at=datetime.now(UTC))

    async def preview(self, action: Action) -> PredictedEffect:
        return PredictedEffect(summary=f"would {action.type}", dry_run="server")

    async def apply(
        self, action: Action, precondition: WorkloadPrecondition, change_id: str, *, at: datetime
    ) -> Applied:
        live = self.workload_
        if self.refuse_writes:
            raise PreconditionDrift("refused for the test")
        if change_id in live.changes:
            return Applied(already=True, detail="already applied", generation=live.changes[change_id])
        if precondition.generation != live.generation:
            raise PreconditionDrift(f"generation is {live.generation}, approved was {precondition.generation}")
        self._change(action)
        live.changes[change_id] = live.generation
        self.writes.append(action)
        if self.lost_answers:
            self.lost_answers -= 1
            message, kind = "the connection broke", UpstreamUnavailable.__name__
            raise ApplicationError(message, type=kind, non_retryable=self.gone)
        if self.meddled:
            self.drift()
        return Applied(already=False, detail="applied", generation=live.changes[change_id])

    def drift(self) -> None:
        """Somebody else changes the workload."""
        self.workload_.generation += 1

    def _change(self, action: Action) -> None:
        live = self.workload_
        match action:
            case ScaleWorkload():
                live.replicas = action.replicas
            case UndoRollout():
                live.revision += 1
            case RestartWorkload() | _:
                pass
        live.generation += 1

    def _precondition(self) -> WorkloadPrecondition:
        live = self.workload_
        return WorkloadPrecondition(
            uid="uid", generation=live.generation, replicas=live.replicas, revision=live.revision
        )


SIGNALS = SignalCatalogue(signals={"error_ratio": 'e{service="$service"}', "latency_p95": 'l{service="$service"}'})


class Signals:
    """Prometheus: every query answers `value`, an hour ago `earlier`; with None nothing, and if it is down it fails."""

    def __init__(self) -> None:
        self.value: float | None = 0.0
        self.earlier: float | None = None
        self.down = False

    async def instant(self, query: str, at: datetime | None = None) -> Reading[tuple[Sample, ...]]:
        self._answer()
        now = datetime.now(UTC)
        samples = () if self.value is None else (Sample(labels={}, value=self.value, at=now),)
        return Reading(value=samples, query=query, digest="d", at=now)

    async def range(self, query: str, start: datetime, end: datetime) -> Reading[tuple[Series, ...]]:
        self._answer()
        points = ((start.timestamp(), self.earlier), (end.timestamp(), self.value))
        seen = tuple((at, value) for at, value in points if value is not None)
        return Reading(value=(Series(labels={}, points=seen, dropped=2 - len(seen)),), query=query, digest="d", at=end)

    def _answer(self) -> None:
        if self.down:
            raise UpstreamUnavailable("prometheus", "connection refused")


class Alertmanager:
    """Lists what `firing` gives, under fingerprints of its own."""

    def __init__(self, firing: Callable[[], Iterable[Alert]], *, down: bool = False) -> None:
        self.firing = firing
        self.down = down

    async def alerts(self, filter: tuple[str, ...] = ()) -> Reading[tuple[ActiveAlert, ...]]:  # noqa: A002 - its API's word
        if self.down:
            raise UpstreamUnavailable("alertmanager", "connection refused")
        now = datetime.now(UTC)
        listed = tuple(
            ActiveAlert(fingerprint=f"am-{number}", labels=alert.labels, annotations={}, state="active", starts_at=now)
            for number, alert in enumerate(self.firing())
        )
        return Reading(value=listed, query="GET /api/v2/alerts", digest="d", at=now)


class PageBook:
    """Collects pages."""

    def __init__(self) -> None:
        self.pages: list[Page] = []

    async def page(self, page: Page) -> None:
        self.pages.append(page)


class Library:
    """Knowledge that finds what it was given, and remembers what it was taught."""

    def __init__(self) -> None:
        self.known: Pattern | None = None
        self.down = False
        self.items_: list[BacklogItem] = []
        self.learned: list[Pattern] = []

    async def lookup(self, query: KnowledgeQuery) -> Lookup:
        if self.down:
            raise UpstreamUnavailable("qdrant", "connection refused")
        if self.known is None:
            return Lookup(matches=(), known=None)
        match = Match(
            kind="pattern",
            doc_id=self.known.id,
            title=self.known.title,
            score=1.0,
            confidence=0.9,
            known=True,
            pattern=self.known,
        )
        return Lookup(matches=(match,), known=match)

    async def known_patterns(self) -> tuple[Pattern, ...]:
        return await self.patterns()

    async def patterns(self) -> tuple[Pattern, ...]:
        return (self.known,) if self.known else ()

    async def items(self) -> tuple[BacklogItem, ...]:
        return tuple(self.items_)

    async def item(self, incident_id: str) -> BacklogItem | None:
        return next((item for item in self.items_ if item.incident_id == incident_id), None)

    async def record(self, item: BacklogItem, pattern: Pattern | None) -> None:
        self.items_.append(item)
        if pattern:
            self.learned.append(pattern)


SATURATED = RankedCause(
    cause="pod_cpu_overload",
    object=ObjectRef(kind="deployment", name="checkout", namespace="shop"),
    confidence=0.8,
    claims=(
        Claim(text="errors are at 0.35", citations=(Citation(evidence="e-1", key="checkout error_ratio", value=0.35),)),
    ),
)
DRAFT = PlanDraft(
    actions=(ScaleWorkload(workload=CHECKOUT, replicas=4),),
    checks=(
        RolloutCheck(workload=CHECKOUT),
        SignalCheck(signal="error_ratio", namespace="shop", service="checkout", comparison="<=", threshold=0.02),
    ),
)
INVENTORY = Inventory(
    workloads=(
        WorkloadEntry(
            ref=CHECKOUT,
            replicas=2,
            ready=2,
            current_revision=2,
            revisions=(RolloutRevision(number=1), RolloutRevision(number=2)),
        ),
    )
)


@dataclass
class Thinking:
    """What the scripted planner and the re-check will say."""

    causes: tuple[RankedCause, ...] = (SATURATED,)
    draft: PlanDraft | None = DRAFT
    confirmed: bool = True
    fell_back: str | None = None
    seconds: float = 0.0
    blindspots: tuple[Blindspot, ...] = ()


class ScriptedPlanner:
    """Stands for the planner where a test is about what happens after the diagnosis.

    It says the same every time; with `later`, one of them each time it is asked again.
    """

    name = "scripted"

    def __init__(self, thinking: Thinking, *later: Thinking) -> None:
        self._thinking = thinking
        self._later = list(later)

    async def investigate(self, brief: Brief, on_step: object = None) -> Investigation:
        said = replace(self._thinking)
        if self._later:
            self._thinking = self._later.pop(0)
        if callable(on_step):
            await on_step(ToolStep(tool="analyse_namespace", evidence=(SEEN,), seconds=0.1))
        if said.seconds:
            await asyncio.sleep(said.seconds)
        return Investigation(
            diagnosis=self._diagnosis(said),
            draft=said.draft,
            evidence=(SEEN,),
            inventory=INVENTORY,
            planner="offline" if said.fell_back else self.name,
            fell_back=said.fell_back,
            usage=Usage(),
        )

    async def recheck(self, pattern: Pattern, brief: Brief) -> Recheck:
        said = self._thinking
        return Recheck(
            confirmed=said.confirmed,
            reason="seen again" if said.confirmed else "not seen",
            evidence=(SEEN,),
            inventory=INVENTORY,
            diagnosis=self._diagnosis(said) if said.confirmed else None,
            draft=said.draft if said.confirmed else None,
        )

    def _diagnosis(self, said: Thinking) -> Diagnosis:
        return Diagnosis(
            summary="checkout is saturated" if said.causes else "insufficient evidence",
            confidence=0.8 if said.causes else 0.0,
            planner=self.name,
            causes=said.causes,
            blindspots=said.blindspots,
        )


QUICK = {
    "group_wait": timedelta(milliseconds=50),
    "reopen_window": timedelta(seconds=30),
    "quiet_period": timedelta(seconds=30),
    "soak": timedelta(milliseconds=300),
    "verification_timeout": timedelta(seconds=2),
    "verification_interval": timedelta(milliseconds=100),
}
"""Timings for tests, on the real clock of a real server."""
