import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from domain.alerts import Alert
from domain.approvals import Actor, Decision, DecisionKind
from domain.facts import IncidentStatus
from domain.incidents import Incident
from domain.objectives import Objectives
from domain.plans import PlanDraft
from domain.policy import Policy, Role
from lab.process import Servers
from lab.servers import temporal
from service.temporal import TemporalEngine, connect
from service.worker import WORKFLOWS
from tests.workflows.world import (
    QUICK,
    SIGNALS,
    Alertmanager,
    Cluster,
    Library,
    MemoryFacts,
    PageBook,
    ScriptedPlanner,
    Signals,
    Thinking,
)
from workflows import planning
from workflows.activities.backlog import BacklogActivities
from workflows.activities.changes import WorkloadChanges
from workflows.activities.holding import Holding
from workflows.activities.paging import Paging
from workflows.activities.preparation import Preparation
from workflows.activities.records import Records
from workflows.activities.settling import Settling
from workflows.activities.verification import Verification
from workflows.messages import AlertBatch, DecisionReceipt, TriageInput, TriageOptions
from workflows.triage import IncidentTriage

HISTORIES = Path(__file__).parents[1] / "replay" / "histories"
PATIENCE = 20.0
MACHINE_S = frozenset({"stackTrace", "identity", "lastWorkerIdentity"})


@pytest.fixture(scope="session")
def temporal_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Temporal dev server for the session."""
    folder = tmp_path_factory.mktemp("temporal")
    with Servers(folder / "logs") as servers:
        yield temporal(servers, folder).address


@dataclass
class Stage:
    """A worker over the fake world, and what a test does with it."""

    client: Client
    engine: TemporalEngine
    options: TriageOptions
    facts: MemoryFacts = field(default_factory=MemoryFacts)
    cluster: Cluster = field(default_factory=Cluster)
    signals: Signals = field(default_factory=Signals)
    pages: PageBook = field(default_factory=PageBook)
    library: Library = field(default_factory=Library)
    thinking: Thinking = field(default_factory=Thinking)
    policy: Policy = field(default_factory=Policy)
    may_write: bool = True

    def activities(self) -> list[object]:
        """Every activity, over this stage's world."""
        records = Records(self.facts)
        planner = ScriptedPlanner(self.thinking)
        alertmanager = Alertmanager(lambda: () if self.cluster.writes else self.facts.alerts)
        backlog = BacklogActivities(self.library, self.library, planner, self.facts)
        preparation = Preparation(
            self.policy,
            holding=Holding(
                incidents=self.facts,
                objectives=Objectives(),
                signals=SIGNALS,
                window="1m",
                prometheus=self.signals,
                alertmanager=alertmanager,
            ),
            kubernetes=self.cluster,
            kubernetes_preview=self.cluster if self.may_write else None,
            argocd=None,
            argocd_preview=None,
        )
        changes = WorkloadChanges(self.cluster)
        checks = Verification(
            signals=SIGNALS,
            window="1m",
            store=self.facts,
            prometheus=self.signals,
            alertmanager=alertmanager,
            kubernetes=self.cluster,
            argocd=None,
        )
        return [
            *(records.append, records.related),
            *(backlog.lookup, backlog.recheck, backlog.document),
            preparation.prepare,
            *(changes.restart, changes.scale, changes.undo),
            Settling(self.cluster, None, refused=1.5).settle,
            checks.check,
            Paging(self.pages).page,
        ]

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run a worker on this stage's own task queue."""
        planning.install(ScriptedPlanner(self.thinking))
        async with Worker(
            self.client,
            task_queue=self.engine.task_queue,
            workflows=WORKFLOWS,
            activities=self.activities(),
            max_concurrent_workflow_tasks=8,
        ):
            yield

    @asynccontextmanager
    async def reworking(self) -> AsyncIterator[None]:
        """A worker over the world as it is now, on a task queue of its own; for worlds changed after the start."""
        self.engine = TemporalEngine(self.engine.address, "default", self.options, task_queue=f"test-{uuid4().hex[:8]}")
        async with self.working():
            yield

    async def start(self, *alerts: Alert) -> WorkflowHandle:
        """Start one triage directly."""
        incident_id = f"inc-{uuid4().hex[:8]}"
        return await self.client.start_workflow(
            IncidentTriage.run,
            TriageInput(incident_id=incident_id, group_id="g", alerts=alerts or (firing(),), options=self.options),
            id=incident_id,
            task_queue=self.engine.task_queue,
        )

    async def until(self, incident_id: str, status: IncidentStatus) -> Incident:
        """Wait until the incident's projection has that status."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            incident = self.facts.incidents.get(incident_id)
            if incident and incident.status == status:
                return incident
            await asyncio.sleep(0.02)
        seen = self.facts.incidents.get(incident_id)
        pytest.fail(
            f"{incident_id} is {seen.status if seen else 'unknown'}, not {status}: {self.facts.types(incident_id)}"
        )

    async def until_plan(self, incident_id: str, version: int) -> Incident:
        """Wait until that version of the plan is up for review."""
        for _ in range(int(PATIENCE / 0.02)):
            incident = self.facts.incidents.get(incident_id)
            if incident and incident.status == "awaiting_approval" and incident.plan.version == version:
                return incident
            await asyncio.sleep(0.02)
        pytest.fail(f"plan {version} of {incident_id} did not come: {self.facts.types(incident_id)}")

    async def verifying(self, incident_id: str) -> Incident:
        """Approve the incident's plan, and wait until what it changed is verified."""
        await self.decide(await self.until(incident_id, "awaiting_approval"))
        return await self.until(incident_id, "verifying")

    async def until_fact(self, incident_id: str, kind: str, count: int = 1) -> None:
        """Wait until the incident has that many facts of a type."""
        for _ in range(int(PATIENCE / 0.02)):
            if self.facts.types(incident_id).count(kind) >= count:
                return
            await asyncio.sleep(0.02)
        pytest.fail(f"{count} {kind} of {incident_id} did not come: {self.facts.types(incident_id)}")

    async def decide(
        self,
        incident: Incident,
        kind: DecisionKind = "approve",
        *,
        by: str = "ana",
        roles: tuple[Role, ...] = ("approver",),
        draft: PlanDraft | None = None,
        digest: str | None = None,
    ) -> DecisionReceipt:
        """Decide through the engine, as the API does."""
        return await self.engine.decide(
            incident.id, decided(incident, kind, by=by, roles=roles, draft=draft, digest=digest)
        )

    async def deliver(self, *alerts: Alert, group: str = "g") -> None:
        """Deliver a batch to a group, as the inbox does. Groups of different tests are different."""
        group_id = f"{self.engine.task_queue}-{group}"
        await self.engine.deliver(AlertBatch(batch_id=uuid4().hex, group_id=group_id, alerts=alerts))


def firing(minutes: float = 0, *, name: str = "HighErrorRatio", status: str = "firing") -> Alert:
    """An alert about checkout, started that many minutes after 09:00."""
    start = datetime(2026, 1, 10, 9, tzinfo=UTC) + timedelta(minutes=minutes)
    labels = {"alertname": name, "namespace": "shop", "service": "checkout", "severity": "critical"}
    return Alert.model_validate({"status": status, "labels": labels, "startsAt": start.isoformat()})


def decided(
    incident: Incident,
    kind: DecisionKind,
    *,
    by: str = "ana",
    roles: tuple[Role, ...] = ("approver",),
    draft: PlanDraft | None = None,
    digest: str | None = None,
) -> Decision:
    """A decision about the incident's plan."""
    current = incident.plan.digest if incident.plan else None
    return Decision(
        id=uuid4().hex,
        kind=kind,
        actor=Actor(name=by, roles=roles),
        plan_digest=digest or current,
        draft=draft,
        at=datetime.now(UTC),
    )


@pytest.fixture
async def stage(temporal_address: str, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A fresh world and a running worker; with --record-histories the histories are kept for the replay tests."""
    client = await connect(temporal_address, "default")
    options = TriageOptions(**QUICK)
    engine = TemporalEngine(temporal_address, "default", options, task_queue=f"test-{uuid4().hex[:8]}")
    built = Stage(client=client, engine=engine, options=options)
    async with built.working():
        yield built
        if request.config.getoption("--record-histories"):
            await _record(built, request.node.name)


async def _record(stage: Stage, test: str) -> None:
    query = f'TaskQueue="{stage.engine.task_queue}"'
    HISTORIES.mkdir(parents=True, exist_ok=True)
    await asyncio.sleep(1.5)  # visibility is written after the fact
    async for execution in stage.client.list_workflows(query):
        handle = stage.client.get_workflow_handle(execution.id, run_id=execution.run_id)
        history = await handle.fetch_history()
        name = f"{test.removeprefix('test_')}.{execution.workflow_type}.{execution.id[-6:]}.json"
        (HISTORIES / name).write_text(json.dumps(_portable(json.loads(history.to_json())), indent=1), encoding="utf-8")


def _portable(value: object) -> object:
    """Without what names the machine it was recorded on: stack traces and identities. Replay needs neither."""
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in value.items() if key not in MACHINE_S}
    return [_portable(item) for item in value] if isinstance(value, list) else value
