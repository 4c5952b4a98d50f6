"""`kill -9` anywhere: no alert and no run is lost, nothing is written twice, and work goes on within seconds."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lab.cluster import Cluster
from lab.cluster.identities import Identities, identities
from lab.cluster.kubectl import Kubectl
from lab.proof import report
from tests.lab.deployed import Deployed, deployed
from tests.lab.drift_cases import Hands
from tests.lab.product import Incident, fingerprint, without_objectives
from tests.lab.real import ControlPlane
from tests.lab.stories import Story, fact_times, insisting

pytestmark = [pytest.mark.lab, pytest.mark.temporal]


@dataclass(frozen=True)
class Counts:
    """How much is done in the full form and in the short one."""

    form: str
    worker_kills: int
    api_kills: int
    temporal_kills: int
    storm: int


FULL = Counts("full", worker_kills=50, api_kills=20, temporal_kills=20, storm=300)
SHORT = Counts("short", worker_kills=4, api_kills=3, temporal_kills=2, storm=30)
AT_ONCE = 3
RECOVERY_P95_S = 5.0
SETTLED_S = 20.0
"""A kill is followed by no other before work has gone on, or this has passed."""


@dataclass
class Scene:
    """The product on the cluster, and those who break it."""

    cluster: Cluster
    product: Deployed
    hands: Hands
    plane: ControlPlane
    rng: random.Random

    def story(self, name: str) -> Story:
        """A new incident."""
        return Story(name, self.product, self.hands, self.plane)

    async def moving(self, *statuses: str) -> list[str]:
        """The ids of incidents in these statuses."""
        async with self.product.client() as http:
            listed = (await http.get("/incidents", params={"limit": 200})).raise_for_status().json()
        return [each["id"] for each in listed if each["status"] in statuses]

    async def phases(self, ids: list[str]) -> set[str]:
        """The statuses these incidents are in now."""
        return {(await self.incident(each))["status"] for each in ids}

    async def incident(self, incident_id: str) -> Incident:
        """One of them, with its facts."""
        async with self.product.client() as http:
            return (await http.get(f"/incidents/{incident_id}")).raise_for_status().json()


@pytest.fixture
def counts(full: bool) -> Counts:
    return FULL if full else SHORT


@pytest.fixture
async def scene(cluster: Cluster, control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Scene]:
    """API and worker apart, on PostgreSQL and Temporal, both identities on the real API server."""
    made: Identities = await asyncio.to_thread(identities, cluster.kubeconfig(), tmp_path / "kubeconfig")
    settings = {**made.settings, **without_objectives(tmp_path)}
    async with deployed(cluster, tmp_path / "product", settings) as product:
        hands = Hands(Kubectl(cluster.kubeconfig()), made)
        yield Scene(cluster, product, hands, control_plane, random.Random(1))  # noqa: S311 - moments to kill at, repeatable


@dataclass
class Kills:
    """What was killed while stories went on, and how long it took them to go on."""

    phases: list[set[str]] = field(default_factory=list[set[str]])
    recoveries: list[float] = field(default_factory=list[float])
    away: list[float] = field(default_factory=list[float])


@dataclass(frozen=True)
class Lived:
    """What became of one story."""

    story: Story
    status: str
    writes: int
    incidents: int
    done: int


async def live_through(scene: Scene, prefix: str, kill: Callable[[], Awaitable[bool]]) -> list[Lived]:
    """Stories, some at a time, until `kill` says that it was the last one; then those that go on come to their end."""
    lived: list[Lived] = []
    over = asyncio.Event()

    async def teller(lane: int) -> None:
        number = 0
        while not over.is_set():
            story = scene.story(f"{prefix}-{lane}-{number}")
            ended = await story.live()
            done = sum(fact["type"] == "RemediationApplied" for fact in ended["facts"])
            lived.append(Lived(story, ended["status"], story.writes(), await story.incidents(), done))
            number += 1

    async def killer() -> None:
        while not await kill():
            pass
        over.set()

    async with asyncio.TaskGroup() as group:
        for lane in range(AT_ONCE):
            group.create_task(teller(lane))
        group.create_task(killer())
    return lived


async def resumed(scene: Scene, ids: list[str], since: float) -> float:
    """Seconds from `since` until each of these incidents has stated a new fact; the longest."""
    latest = since
    for incident_id in ids:
        deadline = time.monotonic() + SETTLED_S
        while True:
            incident = await scene.incident(incident_id)
            later = [at for at in fact_times(incident) if at > since]
            if later or incident["status"] not in {"triaging", "executing"}:
                latest = max(latest, min(later, default=since))
                break
            if time.monotonic() > deadline:
                latest = max(latest, since + SETTLED_S)
                break
            await asyncio.sleep(0.1)
    return latest - since


async def test_the_worker_may_die_at_any_moment(scene: Scene, counts: Counts) -> None:
    """Of triage or execution: every run ends resolved with one write.

    That it goes on within 5 s (p95) after the worker is back is asked of the full form, on a machine with nothing else
    to do.
    """
    kills = Kills()

    async def kill() -> bool:
        await asyncio.sleep(scene.rng.uniform(0.2, 2.5))
        struck = await scene.moving("triaging", "executing")
        if not struck:
            return False
        kills.phases.append(await scene.phases(struck))
        await scene.product.kill("worker")
        died = time.time()
        back = await scene.product.start("worker")
        kills.away.append(back - died)
        kills.recoveries.append(await resumed(scene, struck, back))
        return len(kills.recoveries) >= counts.worker_kills

    lived = await live_through(scene, "kill-worker", kill)
    report.add("Kill the worker", [_row(kills, lived)], form=counts.form)
    _assert_whole(lived)
    assert counts is SHORT or _p95(kills.recoveries) <= RECOVERY_P95_S


async def test_the_temporal_server_may_die_at_any_moment(scene: Scene, counts: Counts) -> None:
    """No run is lost and nothing is written twice."""
    kills = Kills()

    async def kill() -> bool:
        await asyncio.sleep(scene.rng.uniform(0.5, 4))
        struck = await scene.moving("triaging", "executing")
        if not struck:
            return False
        kills.phases.append(await scene.phases(struck))
        await asyncio.to_thread(scene.cluster.kill, "temporal")
        died = time.time()
        await asyncio.to_thread(scene.cluster.start, "temporal")
        back = time.time()
        kills.away.append(back - died)
        kills.recoveries.append(await resumed(scene, struck, back))
        return len(kills.recoveries) >= counts.temporal_kills

    lived = await live_through(scene, "kill-temporal", kill)
    report.add("Kill the Temporal server", [_row(kills, lived)], form=counts.form)
    _assert_whole(lived)


async def test_the_api_may_die_under_an_alert_storm(scene: Scene, counts: Counts) -> None:
    """Alertmanager sends again what was not taken: every alert becomes one incident, none two."""
    kills = Kills()
    began = datetime.now(UTC)
    names = [f"storm-{number}" for number in range(counts.storm)]
    sent = 0

    async def send(name: str) -> None:
        nonlocal sent
        async with scene.product.service() as service:
            await insisting(lambda: service.alert("storm", name, started=began))
        sent += 1

    async def storm() -> None:
        for name in names:
            await asyncio.gather(send(name), asyncio.sleep(0.1))

    async def killer() -> None:
        while len(kills.away) < counts.api_kills:
            await asyncio.sleep(scene.rng.uniform(0.1, 1.5))
            await scene.product.kill("api")
            died = time.time()
            kills.away.append(await scene.product.start("api") - died)

    async with asyncio.TaskGroup() as group:
        group.create_task(storm())
        group.create_task(killer())
    made = await _counts(scene, names)
    row: report.Row = {
        "kills": len(kills.away),
        "alerts": sent,
        "incidents": sum(made.values()),
        "lost": sum(count == 0 for count in made.values()),
        "twice": sum(count > 1 for count in made.values()),
        "API back after, p95 s": _p95(kills.away),
    }
    report.add("Kill the API under an alert storm", [row], form=counts.form)
    assert set(made.values()) == {1}


async def _counts(scene: Scene, names: list[str], *, within: float = 180) -> dict[str, int]:
    """How many incidents each alert has made, once none is without."""
    deadline = time.monotonic() + within
    while True:
        counts: dict[str, int] = {}
        async with scene.product.client() as http:
            for name in names:
                params = {"fingerprint": fingerprint("storm", name)}
                counts[name] = len((await http.get("/incidents", params=params)).raise_for_status().json())
        if all(counts.values()) or time.monotonic() > deadline:
            return counts
        await asyncio.sleep(1)


def _assert_whole(lived: list[Lived]) -> None:
    """Each story: one incident, resolved, with one write for its one executed action."""
    odd = [(each.story.namespace, each.status, each.writes, each.incidents, each.done) for each in lived]
    assert [each for each in odd if each[1:] != ("resolved", 1, 1, 1)] == []


def _row(kills: Kills, lived: list[Lived]) -> report.Row:
    return {
        "kills": len(kills.recoveries),
        "in triage": sum("triaging" in each for each in kills.phases),
        "in execution": sum("executing" in each for each in kills.phases),
        "runs": len(lived),
        "runs lost": sum(each.status != "resolved" for each in lived),
        "writes": sum(each.writes for each in lived),
        "duplicated writes": sum(max(0, each.writes - 1) for each in lived),
        "back after, p95 s": _p95(kills.away),
        "goes on after it is back, p50 s": sorted(kills.recoveries)[len(kills.recoveries) // 2],
        "goes on after it is back, p95 s": _p95(kills.recoveries),
    }


def _p95(values: list[float]) -> float:
    """The nearest-rank 95th percentile."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
