import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import asyncpg
import httpx
import pytest

from lab.cluster import Cluster
from lab.cluster.identities import identities
from lab.cluster.kubectl import Kubectl
from lab.demo.product import TRIAGENT
from lab.environment import inherited
from lab.process import Server, Servers, answers, free_port
from lab.proof import report
from service.temporal import connect
from tests.lab.product import SETTINGS, Incident, Service, facts_of, without_objectives
from tests.lab.real import ControlPlane, deployment
from tests.lab.versions import PATCH, careless, environment, guarded, replays

pytestmark = [pytest.mark.lab, pytest.mark.temporal]

SHORT, FULL = 40, 500
APIS, WORKERS = 2, 3
NAME = "web"
AT_ONCE = 20
PATIENCE = 900.0


@dataclass
class Fleet:
    """APIs and workers, each a process of its own in a folder of its own; all they share is PostgreSQL and Temporal."""

    servers: Servers
    folder: Path
    settings: dict[str, str]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    workers: list[Server] = field(default_factory=list[Server])
    started: int = 0

    async def api(self, stack: AsyncExitStack) -> Service:
        """Start one more API, and a client of it."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        server = self._start("api", {"TRIAGE_API__PORT": str(port), "TRIAGE_API__BOOTSTRAP_TOKEN": self.token})
        await asyncio.to_thread(server.wait_until, answers(f"{url}/healthz"), within=90)
        headers = {"authorization": f"Bearer {self.token}"}
        http = httpx.AsyncClient(base_url=url, headers=headers, timeout=120, trust_env=False)
        return Service(await stack.enter_async_context(http))

    async def worker(self, version: Path | None = None) -> None:
        """Start one more worker; with `version`, of those workflows. Returns when it can take work."""
        port = free_port()
        server = self._start("worker", {"TRIAGE_WORKER__PORT": str(port), **environment(version)})
        await asyncio.to_thread(server.wait_until, answers(f"http://127.0.0.1:{port}/healthz"), within=90)
        self.workers.append(server)

    async def replace_workers(self, version: Path | None = None) -> None:
        """A rolling restart: one after the other goes in order, and another takes its place."""
        for leaving in tuple(self.workers):
            await asyncio.to_thread(leaving.stop, grace=30)
            self.workers.remove(leaving)
            await self.worker(version)

    def _start(self, role: str, settings: dict[str, str]) -> Server:
        self.started += 1
        folder = self.folder / f"{role}-{self.started}"
        folder.mkdir()
        env = inherited({**self.settings, **settings}, without_prefix="TRIAGE_")
        return self.servers.start(f"{role}-{self.started}", [TRIAGENT, role], env=env, cwd=folder)


@pytest.fixture
async def fleet(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Nothing of it runs yet; PostgreSQL, Temporal and the API server do."""
    await asyncio.to_thread(cluster.ensure, "postgresql", "temporal")
    connection: asyncpg.Connection = await asyncpg.connect(f"{cluster.database}/postgres")
    await connection.execute("CREATE DATABASE scale_out")
    await connection.close()
    made = identities(cluster.kubeconfig(), tmp_path / "kubeconfig")
    settings = {
        **SETTINGS,
        **made.settings,
        **without_objectives(tmp_path),
        "TRIAGE_DATABASE__URL": f"{cluster.database}/scale_out",
        "TRIAGE_TEMPORAL__ADDRESS": cluster.temporal,
        "TRIAGE_VERIFICATION__TIMEOUT": "1800",
        "TRIAGE_VERIFICATION__INTERVAL": "5",
    }
    with Servers(tmp_path / "logs") as servers:
        yield Fleet(servers, tmp_path, settings)


def populate(cluster: Cluster, folder: Path, namespaces: Sequence[str]) -> None:
    """In each namespace a Deployment that somebody scaled to nothing."""
    identities(cluster.kubeconfig(), folder / "kubeconfig").bind(*namespaces)
    Kubectl(cluster.kubeconfig()).apply([deployment(NAME, namespace, replicas=0) for namespace in namespaces])


async def everywhere(services: Sequence[Service], namespaces: Sequence[str], status: str, started: datetime) -> float:
    """Post every namespace's alert to every API, as a pair of Alertmanagers would; returns the seconds."""
    began, slots = asyncio.get_running_loop().time(), asyncio.Semaphore(AT_ONCE)

    async def post(service: Service, namespace: str) -> None:
        async with slots:
            await service.alert(namespace, NAME, started=started, status=status)

    await asyncio.gather(*(post(service, namespace) for namespace in namespaces for service in services))
    return asyncio.get_running_loop().time() - began


async def counted(service: Service, by: Literal["status", "namespace"]) -> Counter[str]:
    """How many incidents there are of which status, or in which namespace."""
    listed = (await service.http.get("/incidents", params={"limit": 1000})).raise_for_status().json()
    return Counter(item[by] for item in listed)


async def until(service: Service, number: int, *statuses: str) -> None:
    """Wait until so many incidents have one of these statuses."""
    began = asyncio.get_running_loop().time()
    while True:
        seen = await counted(service, "status")
        if sum(seen[status] for status in statuses) >= number:
            return
        if asyncio.get_running_loop().time() - began > PATIENCE:
            pytest.fail(f"after {PATIENCE:g} s: {dict(seen)}, wanted {number} of {statuses}")
        await asyncio.sleep(1)


async def histories(fleet: Fleet, incidents: Sequence[Incident], kept: Path) -> tuple[Counter[str], int]:
    """Who carried the runs on, by worker, and how many runs came to the new version's patch; one history is kept."""
    client = await connect(fleet.settings["TRIAGE_TEMPORAL__ADDRESS"], "default")
    workers: Counter[str] = Counter()
    patched = 0
    for incident in incidents:
        history = await client.get_workflow_handle(incident["id"]).fetch_history()
        seen = {e.workflow_task_completed_event_attributes.identity for e in history.events} - {""}
        workers.update(seen)
        patched += any(PATCH.encode() in event.SerializeToString() for event in history.events)
        kept.write_text(history.to_json(), encoding="utf-8")
    return workers, patched


async def test_two_apis_and_three_workers_share_a_storm(
    fleet: Fleet, cluster: Cluster, control_plane: ControlPlane, full: bool, tmp_path: Path
):
    """Every alert comes to both APIs; workers are replaced while triages run, and by a new version while plans wait.

    Nothing is lost, each incident is there once, and each approved plan is written once, by the API server's own log.
    """
    number = FULL if full else SHORT
    namespaces = [f"scale-{index}" for index in range(number)]
    await asyncio.to_thread(populate, cluster, tmp_path, namespaces)
    async with AsyncExitStack() as stack:
        services = [await fleet.api(stack) for _ in range(APIS)]
        for _ in range(WORKERS):
            await fleet.worker()
        started, since = datetime.now(UTC), control_plane.audit.position()
        posting = await everywhere(services, namespaces, "firing", started)
        await until(services[0], number // 3, "awaiting_approval")
        await fleet.replace_workers()
        await until(services[0], number, "awaiting_approval")
        to_all = (datetime.now(UTC) - started).total_seconds()
        assert control_plane.writes_of_the_product(since) == []
        await fleet.replace_workers(guarded(tmp_path / "next"))
        approving = await approved(services, namespaces)
        await until(services[1], number, "verifying", "resolved")
        await everywhere(services, namespaces, "resolved", started)
        await until(services[1], number, "resolved")
        opened = await counted(services[0], "namespace")
        closed = [await services[index % APIS].incident(name) for index, name in enumerate(namespaces)]
    writes = Counter(event.object.namespace for event in control_plane.writes_of_the_product(since))
    workers, patched = await histories(fleet, closed, tmp_path / "run.json")
    report.add(
        "Scale out",
        [
            {"figure": "incidents", "value": number},
            {"figure": "lost", "value": sum(opened[name] == 0 for name in namespaces)},
            {"figure": "opened more than once", "value": sum(opened[name] > 1 for name in namespaces)},
            {"figure": "writes", "value": sum(writes.values())},
            {"figure": "written more than once", "value": sum(count > 1 for count in writes.values())},
            {"figure": "runs that went on in the new version", "value": patched},
            {"figure": "workers that carried runs on", "value": len(workers)},
            {"figure": "seconds to post every alert twice", "value": posting},
            {"figure": "seconds from the first alert until every plan waited", "value": to_all},
            {"figure": "seconds to approve every plan", "value": approving},
        ],
        form="full" if full else "short",
    )
    assert opened == dict.fromkeys(namespaces, 1)
    for fact in ("IncidentOpened", "RemediationProposed", "RemediationApplied", "IncidentClosed"):
        assert {len(facts_of(incident, fact)) for incident in closed} == {1}, fact
    assert writes == dict.fromkeys(namespaces, 1)
    assert patched == number
    assert len(workers) >= 2 * WORKERS
    assert await asyncio.to_thread(replays, tmp_path / "run.json", tmp_path / "next") == ""
    broken = await asyncio.to_thread(replays, tmp_path / "run.json", careless(tmp_path / "careless"))
    assert "Nondeterminism" in broken or "TMPRL1100" in broken


async def approved(services: Sequence[Service], namespaces: Sequence[str]) -> float:
    """Approve every plan, by one API or the other."""
    began, slots = asyncio.get_running_loop().time(), asyncio.Semaphore(AT_ONCE)

    async def approve(index: int, namespace: str) -> None:
        async with slots:
            service = services[index % len(services)]
            await service.decide(await service.incident(namespace), "approve")

    await asyncio.gather(*(approve(index, namespace) for index, namespace in enumerate(namespaces)))
    return asyncio.get_running_loop().time() - began
