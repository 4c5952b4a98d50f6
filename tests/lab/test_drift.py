import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from lab.demo.product import start_product
from lab.process import Servers, free_port
from lab.proof import report
from lab.proof.identities import WRITE, identities
from lab.proof.turnstile import Turnstile, turnstile
from lab.site.kubectl import Kubectl
from tests.lab.drift_cases import NAME, Drift, Hands, drifts
from tests.lab.product import SETTINGS, Incident, Service, facts_of, without_objectives
from tests.lab.real import ControlPlane

pytestmark = [pytest.mark.lab, pytest.mark.temporal]

SHORT, FULL = 12, 200
AT_ONCE = 5


@dataclass
class Site:
    """The product on a real API server, its write identity behind the turnstile."""

    control_plane: ControlPlane
    hands: Hands
    gate: Turnstile
    service: Service

    def path(self, namespace: str) -> str:
        """Of the Deployment that things are about."""
        return f"/apis/apps/v1/namespaces/{namespace}/deployments/{NAME}"

    def writes(self, namespace: str, since: int = 0) -> int:
        """How often the product changed something there, by the API server's own log."""
        events = self.control_plane.writes_of_the_product(since)
        return sum(event.object.namespace == namespace for event in events)

    async def asked(self, namespace: str) -> Incident:
        """A broken release, its alert, and the plan that waits for approval."""
        await asyncio.to_thread(self.hands.identities.bind, namespace)
        await self.hands.broken_release(namespace)
        await self.service.alert(namespace, NAME, started=datetime.now(UTC))
        asked = await self.service.until_asked(namespace)
        assert asked["status"] == "awaiting_approval", asked["close_reason"]
        return asked


@pytest.fixture
async def site(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Site]:
    """`triagent up` by settings alone; nothing of it knows that requests can be held up."""
    made = identities(control_plane.admin, tmp_path / "kubeconfig")
    port = free_port()
    with Servers(tmp_path / "logs") as servers:
        async with turnstile(made.kubeconfig, tmp_path / "through") as gate:
            write = {"TRIAGE_KUBERNETES__WRITE_KUBECONFIG": str(tmp_path / "through")}
            settings = {**SETTINGS, **made.settings, **write, **without_objectives(tmp_path)}
            product = await asyncio.to_thread(start_product, servers, tmp_path / "site", settings, port=port)
            headers = {"authorization": f"Bearer {product.admin_token}"}
            async with httpx.AsyncClient(base_url=product.url, headers=headers, timeout=60, trust_env=False) as http:
                yield Site(control_plane, Hands(Kubectl(control_plane.admin), made), gate, Service(http))


@dataclass(frozen=True)
class Outcome:
    """What became of one approved plan."""

    drift: Drift
    writes: int
    voided: int
    asked_again: bool
    seconds: float


async def drifted(site: Site, drift: Drift, namespace: str) -> Outcome:
    """Ask, approve, and change the cluster at the drift's moment; nothing must be written."""
    began = asyncio.get_running_loop().time()
    first = await site.asked(namespace)
    since = site.control_plane.audit.position()
    if drift.moment == "shown":
        await drift.change(site.hands, namespace)
        await site.service.decide(first, "approve")
    else:
        method = "GET" if drift.moment == "approved" else "PATCH"
        bar = site.gate.bar(method, site.path(namespace))
        await site.service.decide(first, "approve")
        await asyncio.wait_for(bar.reached.wait(), 60)
        await drift.change(site.hands, namespace)
        bar.opened.set()
    later = await site.service.until_asked(namespace, version=2)
    writes = site.writes(namespace, since)
    asked_again = later["status"] == "awaiting_approval" and later["plan"]["digest"] != first["plan"]["digest"]
    if asked_again:
        await site.service.decide(later, "reject")
        await site.service.until_closed(namespace)
    voided = len(facts_of(later, "PlanVoided"))
    await site.hands.run("delete", "namespace", namespace, "--wait=false")
    return Outcome(drift, writes, voided, asked_again, asyncio.get_running_loop().time() - began)


async def test_what_drifted_is_not_written_to(site: Site, full: bool):
    """Of every approved plan whose object changed before the write: no write, the plan voided, and asked again.

    Where the right to write was withdrawn there is nobody to ask for: a human is told what the API server said.
    """
    slots, planned = asyncio.Semaphore(AT_ONCE), drifts(FULL if full else SHORT)

    async def one(number: int, drift: Drift) -> Outcome:
        async with slots:
            return await drifted(site, drift, f"drift-{number}")

    outcomes = await asyncio.gather(*(one(number, drift) for number, drift in enumerate(planned)))
    report.add("Approve, then drift", _rows(outcomes), form="full" if full else "short")
    assert [outcome for outcome in outcomes if outcome.writes] == []
    assert [outcome for outcome in outcomes if outcome.voided != 1] == []
    assert [outcome for outcome in outcomes if outcome.asked_again != outcome.drift.asks_again] == []


def _rows(outcomes: list[Outcome]) -> list[report.Row]:
    kinds = Counter((outcome.drift.kind, outcome.drift.moment) for outcome in outcomes)
    rows: list[report.Row] = []
    for (kind, moment), number in sorted(kinds.items()):
        those = [item for item in outcomes if (item.drift.kind, item.drift.moment) == (kind, moment)]
        rows.append(
            {
                "change": kind,
                "when": {"shown": "before the approval", "approved": "after it", "read": "before the PATCH"}[moment],
                "plans": number,
                "writes": sum(item.writes for item in those),
                "voided": sum(item.voided == 1 for item in those),
                "asked again": sum(item.asked_again for item in those),
                "seconds each": sum(item.seconds for item in those) / number,
            }
        )
    return rows


async def test_what_did_not_drift_is_written_to_once(site: Site):
    """The same way without a change in between: one write, which shows that writes are counted; then it is resolved."""
    namespace = "drift-none"
    asked = await site.asked(namespace)
    since = site.control_plane.audit.position()
    bar = site.gate.bar("PATCH", site.path(namespace))
    await site.service.decide(asked, "approve")
    await asyncio.wait_for(bar.reached.wait(), 60)
    assert site.writes(namespace, since) == 0
    bar.opened.set()
    await site.service.until(namespace, lambda incident: incident["status"] == "verifying")
    await site.service.alert(namespace, NAME, started=_started(asked), status="resolved")
    closed = await site.service.until_closed(namespace)
    assert (closed["status"], site.writes(namespace, since)) == ("resolved", 1)
    (written,) = [e for e in site.control_plane.writes_of_the_product(since) if e.object.namespace == namespace]
    assert (written.verb, written.object.name, written.user.username.endswith(WRITE)) == ("patch", NAME, True)


def _started(incident: Incident) -> datetime:
    return datetime.fromisoformat(incident["alerts"][0]["startsAt"])
