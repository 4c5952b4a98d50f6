import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from lab.cluster import Cluster
from lab.cluster.argocd import READER, WRITER
from lab.cluster.identities import identities
from lab.cluster.kubectl import Kubectl
from lab.cluster.plan import ARGOCD
from lab.demo.product import start_product
from lab.process import Servers, free_port
from lab.proof import report
from lab.proof.turnstile import Bar, Turnstile, before_argocd, before_kubernetes
from lab.site.argo import Argo
from tests.lab.drift_cases import NAME, SYNCED, Drift, Releasers, drifts
from tests.lab.product import SETTINGS, Incident, Service, facts_of, without_objectives
from tests.lab.real import ControlPlane

pytestmark = [pytest.mark.lab, pytest.mark.temporal]

SHORT, FULL = 14, 200
AT_ONCE = 5


@dataclass
class Site:
    """The product on a real API server and a real Argo CD, with turnstiles before what it writes to."""

    control_plane: ControlPlane
    hands: Releasers
    kubernetes: Turnstile
    argocd: Turnstile
    argocd_token: str
    service: Service

    def bar(self, drift: Drift, namespace: str) -> Bar:
        """Hold the write identity's next look at the object, or its change of it."""
        looks = drift.moment == "approved"
        if drift.delivered:
            path = f"/api/v1/applications/{namespace}"
            return (
                self.argocd.bar("GET", path, self.argocd_token)
                if looks
                else self.argocd.bar("POST", f"{path}/rollback")
            )
        return self.kubernetes.bar(
            "GET" if looks else "PATCH", f"/apis/apps/v1/namespaces/{namespace}/deployments/{NAME}"
        )

    async def writes(self, drift: Drift, namespace: str) -> int:
        """How often the product changed something there, by the API server's own log, and by Argo CD's own history."""
        events = self.control_plane.writes_of_the_product(0)
        written = sum(event.object.namespace == namespace for event in events)
        operations = (await self.hands.application(namespace)).operations_by(WRITER) if drift.delivered else 0
        return written + operations

    async def asked(self, drift: Drift, namespace: str) -> Incident:
        """A broken release, its alert, and the plan that waits for approval."""
        await asyncio.to_thread(self.hands.identities.bind, namespace)
        await (self.hands.broken_delivery(namespace) if drift.delivered else self.hands.broken_release(namespace))
        await self.service.alert(namespace, NAME, started=datetime.now(UTC))
        asked = await self.service.until_asked(namespace)
        assert asked["status"] == "awaiting_approval", asked["close_reason"]
        return asked


@pytest.fixture
async def site(cluster: Cluster, control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Site]:
    """`triagent up` by settings alone; nothing of it knows that requests can be held up."""
    await asyncio.to_thread(cluster.ensure, *ARGOCD)
    made = identities(control_plane.admin, tmp_path / "kubeconfig")
    reads, writes = [cluster.argocd.account_token(account) for account in (READER, WRITER)]
    argo = Argo(cluster.argocd.url, cluster.argocd.admin_token())
    hands = Releasers(Kubectl(control_plane.admin), made, argo, tmp_path / "git")
    port = free_port()
    with Servers(tmp_path / "logs") as servers, closing(argo):
        async with (
            before_kubernetes(made.kubeconfig, tmp_path / "through") as kubernetes,
            before_argocd(cluster.argocd.url) as argocd,
        ):
            gates = {
                "TRIAGE_KUBERNETES__WRITE_KUBECONFIG": str(tmp_path / "through"),
                "TRIAGE_ARGOCD__URL": argocd.url,
                "TRIAGE_ARGOCD__TOKEN": reads,
                "TRIAGE_ARGOCD__WRITE_TOKEN": writes,
            }
            settings = {**SETTINGS, **made.settings, **gates, **without_objectives(tmp_path)}
            product = await asyncio.to_thread(start_product, servers, tmp_path / "site", settings, port=port)
            headers = {"authorization": f"Bearer {product.admin_token}"}
            async with httpx.AsyncClient(base_url=product.url, headers=headers, timeout=60, trust_env=False) as http:
                yield Site(control_plane, hands, kubernetes, argocd, writes, Service(http))


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
    first = await site.asked(drift, namespace)
    if drift.moment == "shown":
        await drift.change(site.hands, namespace)
        await site.service.decide(first, "approve")
    else:
        bar = site.bar(drift, namespace)
        await site.service.decide(first, "approve")
        await asyncio.wait_for(bar.reached.wait(), 60)
        await drift.change(site.hands, namespace)
        bar.opened.set()
    later = await site.service.until_asked(namespace, version=2)
    writes = await site.writes(drift, namespace)
    asked_again = later["status"] == "awaiting_approval" and later["plan"]["digest"] != first["plan"]["digest"]
    if asked_again:
        await site.service.decide(later, "reject")
        await site.service.until_closed(namespace)
    voided = len(facts_of(later, "PlanVoided"))
    await site.hands.clear(namespace)
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


@pytest.mark.parametrize("kind", ["spec", SYNCED])
async def test_what_did_not_drift_is_written_to_once(site: Site, kind: str):
    """The same way without a change in between: one write, which shows that writes are counted; then it is resolved."""
    none = next(drift for drift in drifts(FULL) if drift.kind == kind)
    namespace = "drift-none-" + ("argocd" if none.delivered else "kubernetes")
    asked = await site.asked(none, namespace)
    bar = site.bar(replace(none, moment="read"), namespace)
    await site.service.decide(asked, "approve")
    await asyncio.wait_for(bar.reached.wait(), 60)
    assert await site.writes(none, namespace) == 0
    bar.opened.set()
    await site.service.until(namespace, lambda incident: incident["status"] == "verifying")
    await site.service.alert(namespace, NAME, started=_started(asked), status="resolved")
    closed = await site.service.until_closed(namespace)
    assert (closed["status"], await site.writes(none, namespace)) == ("resolved", 1)
    await site.hands.clear(namespace)


def _started(incident: Incident) -> datetime:
    return datetime.fromisoformat(incident["alerts"][0]["startsAt"])
