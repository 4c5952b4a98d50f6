"""Each part the product leans on goes away in each phase of an incident: the run waits, or says what it did not see."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.cluster import Cluster
from lab.cluster.argocd import READER, WRITER
from lab.cluster.plan import ARGOCD, MONITORING, PartName
from lab.demo.api import CLOSED
from lab.proof import report
from lab.proof.identities import identities
from lab.site.kubectl import Kubectl
from tests.lab.deployed import Deployed, deployed
from tests.lab.drift_cases import Hands
from tests.lab.product import Incident, without_objectives
from tests.lab.real import ControlPlane
from tests.lab.stories import Story

pytestmark = [pytest.mark.lab, pytest.mark.temporal]

AWAY_S = {True: 30.0, False: 5.0}
"""In the full form, and in the short one."""
NOTICED_S = 30.0
READY_AS: dict[PartName, str] = {
    "temporal": "temporal",
    "postgresql": "database",
    "prometheus": "prometheus",
    "argocd-server": "argocd",
    "kube-apiserver": "kubernetes",
}
"""The parts that go away, and what `/readyz` calls them."""


@pytest.fixture
async def product(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Deployed]:
    """API and worker on all parts that can go away."""
    await asyncio.to_thread(cluster.ensure, *ARGOCD, *MONITORING)
    made = await asyncio.to_thread(identities, cluster.kubeconfig(), tmp_path / "kubeconfig")
    settings = {
        **made.settings,
        **without_objectives(tmp_path),
        "TRIAGE_PROMETHEUS__URL": cluster.prometheus,
        "TRIAGE_ALERTMANAGER__URL": cluster.alertmanager,
        "TRIAGE_ARGOCD__URL": cluster.argocd.url,
        "TRIAGE_ARGOCD__TOKEN": cluster.argocd.account_token(READER),
        "TRIAGE_ARGOCD__WRITE_TOKEN": cluster.argocd.account_token(WRITER),
        "TRIAGE_HTTP__TIMEOUT": "5",
    }
    async with deployed(cluster, tmp_path / "product", settings) as started:
        yield started


@dataclass(frozen=True)
class Outcome:
    """One run over one outage."""

    phase: str
    incident: Incident
    writes: int
    incidents: int

    @property
    def unseen(self) -> list[str]:
        """What the run says it could not see."""
        diagnosis = self.incident.get("diagnosis") or {}
        patterns = [fact.get("unavailable") for fact in self.incident["facts"] if fact.get("unavailable")]
        evidence = [each["source"] for each in self.incident["evidence"] if each.get("unavailable")]
        return [*patterns, *evidence, *diagnosis.get("unavailable", [])]

    @property
    def right(self) -> bool:
        """Resolved by one write; or handed to a human, with the reason, without a write."""
        if self.incident["status"] == "resolved":
            return (self.writes, self.incidents) == (1, 1)
        told = bool(self.incident["close_reason"])
        return (self.incident["status"], self.writes, self.incidents) == ("escalated", 0, 1) and told


@pytest.mark.parametrize("part", READY_AS)
async def test_a_part_goes_away_in_every_phase(
    cluster: Cluster, control_plane: ControlPlane, product: Deployed, tmp_path: Path, part: PartName, full: bool
) -> None:
    """Four runs, one in each phase, live through the outage; `/readyz` names the part while it is away."""
    made = await asyncio.to_thread(identities, cluster.kubeconfig(), tmp_path / "hands")
    hands = Hands(Kubectl(cluster.kubeconfig()), made)
    stories = {
        phase: Story(f"away-{part}-{phase}", product, hands, control_plane)
        for phase in ("triage", "approval", "execution", "verification")
    }
    await _until_their_phase(stories)
    await asyncio.to_thread(cluster.stop, part)
    named = await _noticed(product, READY_AS[part])
    await asyncio.sleep(AWAY_S[full])
    await asyncio.to_thread(cluster.start, part)
    outcomes = await asyncio.gather(*(_end(phase, story) for phase, story in stories.items()))
    rows = [_row(each, named=named) for each in outcomes]
    report.add(f"{part} away for {AWAY_S[full]:g} s", rows, form="full" if full else "short")
    assert named
    assert [(each.phase, each.incident["status"], each.writes) for each in outcomes if not each.right] == []


async def _until_their_phase(stories: dict[str, Story]) -> None:
    """Bring the stories to their phases; the fleeting ones last, all at once."""
    await asyncio.gather(*(story.break_it() for story in stories.values()))
    early = [stories[phase] for phase in ("approval", "execution", "verification")]
    await asyncio.gather(*(story.alert() for story in early))
    await asyncio.gather(*(story.until({"awaiting_approval"}) for story in early))
    await stories["verification"].approve()
    await stories["verification"].until({"verifying"})
    await asyncio.gather(stories["triage"].alert(), stories["execution"].approve())


async def _noticed(product: Deployed, name: str) -> bool:
    """Whether `/readyz` says so in time."""
    deadline = asyncio.get_running_loop().time() + NOTICED_S
    while asyncio.get_running_loop().time() < deadline:
        if (await product.readiness())[name] == "down":
            return True
        await asyncio.sleep(0.2)
    return False


async def _end(phase: str, story: Story) -> Outcome:
    await story.approve()
    await story.until({"verifying", *CLOSED})
    await story.calm()
    incident = await story.until(CLOSED)
    return Outcome(phase, incident, story.writes(), await story.incidents())


def _row(outcome: Outcome, *, named: bool) -> report.Row:
    return {
        "phase": outcome.phase,
        "named by /readyz": named,
        "ended": outcome.incident["status"],
        "writes": outcome.writes,
        "incidents": outcome.incidents,
        "not seen": ", ".join(sorted(set(outcome.unseen))),
        "reason": outcome.incident["close_reason"] or "",
    }
