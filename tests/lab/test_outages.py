"""Each part the product leans on goes away in each phase of an incident: the run waits, or says what it did not see."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.cluster import Cluster
from lab.cluster.argocd import READER, WRITER
from lab.cluster.identities import identities
from lab.cluster.kubectl import Kubectl
from lab.cluster.plan import ARGOCD, MONITORING, PartName
from lab.demo.api import CLOSED
from lab.proof import report
from tests.lab.conformance.backends import until
from tests.lab.deployed import Deployed, deployed
from tests.lab.drift_cases import NAME, Hands
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

PHASES = {
    "triage": "triaging",
    "approval": "awaiting_approval",
    "execution": "executing",
    "verification": "verifying",
}
"""What an incident is when the part goes away."""


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
    was: str
    """Its status when the part went away."""
    incident: Incident
    writes: int
    incidents: int

    @property
    def unseen(self) -> set[tuple[str, str]]:
        """The systems of which the run says that it could not see something there, and why."""
        lookups = {(fact["unavailable"], "") for fact in self.incident["facts"] if fact.get("unavailable")}
        missing = [each for each in self.incident["evidence"] if each.get("unavailable")]
        own = re.compile(rf"{NAME}-[\w-]+|away-[\w-]+")
        return lookups | {(each["source"], own.sub("", each["unavailable"])) for each in missing}

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
    stories = {phase: Story(f"away-{part}-{phase}", product, hands, control_plane) for phase in PHASES}
    await _until_their_phase(stories)
    were = dict(zip(stories, await asyncio.gather(*(story.status() for story in stories.values())), strict=True))
    await asyncio.to_thread(cluster.stop, part)
    named = await _noticed(product, READY_AS[part])
    await asyncio.sleep(AWAY_S[full])
    await asyncio.to_thread(cluster.start, part)
    outcomes = await asyncio.gather(*(_end(phase, were[phase], story) for phase, story in stories.items()))
    usual = next(each for each in outcomes if each.phase == "approval").unseen
    rows = [_row(each, usual, named=named) for each in outcomes]
    report.add(f"{part} away for {AWAY_S[full]:g} s", rows, form="full" if full else "short")
    assert were == PHASES
    assert named
    assert [(each.phase, each.incident["status"], each.writes) for each in outcomes if not each.right] == []


async def _until_their_phase(stories: dict[str, Story]) -> None:
    """Bring the stories to their phases; the fleeting ones last, all at once.

    Old pods go before new ones come, and these must be ready for a while: an undo takes seconds.
    """
    slowly = {"strategy": {"type": "Recreate"}, "minReadySeconds": 4}
    await asyncio.gather(*(story.break_it(**slowly) for story in stories.values()))
    early = [stories[phase] for phase in ("approval", "execution", "verification")]
    await asyncio.gather(*(story.alert() for story in early))
    await asyncio.gather(*(story.until({"awaiting_approval"}) for story in early))
    await stories["verification"].approve()
    await stories["verification"].until({"verifying"})
    await stories["execution"].approve()
    await stories["triage"].alert()
    await until(stories["triage"].status, bool)


async def _noticed(product: Deployed, name: str) -> bool:
    """Whether `/readyz` says so in time."""
    deadline = asyncio.get_running_loop().time() + NOTICED_S
    while asyncio.get_running_loop().time() < deadline:
        if (await product.readiness())[name] == "down":
            return True
        await asyncio.sleep(0.2)
    return False


async def _end(phase: str, was: str, story: Story) -> Outcome:
    await story.approve()
    await story.until({"verifying", *CLOSED})
    await story.calm()
    incident = await story.until(CLOSED)
    return Outcome(phase, was, incident, story.writes(), await story.incidents())


def _row(outcome: Outcome, usual: set[tuple[str, str]], *, named: bool) -> report.Row:
    return {
        "phase": outcome.phase,
        "status when it went": outcome.was,
        "named by /readyz": named,
        "ended": outcome.incident["status"],
        "writes": outcome.writes,
        "incidents": outcome.incidents,
        "not seen": ", ".join(sorted({system for system, _ in outcome.unseen - usual})),
        "reason": outcome.incident["close_reason"] or "",
    }
