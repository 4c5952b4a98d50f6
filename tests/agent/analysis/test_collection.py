"""Collecting from live readers: bounded, parallel, and never an exception."""

import asyncio
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from agent.analysis import analyse
from agent.catalogue import load_catalogue
from agent.collection import Sources, collect
from agent.collection.logs import MOST_LOGS, worth_reading
from agent.collection.windows import windows
from agent.inventories import inventory_of
from domain.alerts import Alert
from domain.errors import Misconfigured, NotFound, UpstreamUnavailable
from domain.objects import WorkloadRef
from tests.agent.analysis.shapes import (
    NAMESPACE,
    NOW,
    deployment,
    endpoints,
    pod,
    replica_set,
    service,
    situation,
    well,
)
from tools.artifacts import MemoryArtifacts
from tools.kubernetes.models import ObjectList
from tools.prometheus.models import Series
from tools.reading import Reading

LOOPING = {
    "restartCount": 5,
    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    "lastState": {"terminated": {"exitCode": 1}},
}
CRASHING = (
    *well("cart"),
    deployment("checkout", ready=0),
    replica_set("checkout"),
    pod("checkout", ready=False, status=LOOPING),
    service("checkout"),
    endpoints("checkout", 0),
)


@dataclass
class Cluster:
    """A Kubernetes reader over given objects. `logs` by `previous`."""

    items: tuple[Any, ...] = ()
    lines: dict[bool, str] = field(default_factory=dict)
    asked: list[tuple[str, bool]] = field(default_factory=list)

    async def objects(self, namespace: str | None) -> Reading[ObjectList]:
        return Reading(ObjectList(self.items, denied=("secrets: forbidden",)), f"objects {namespace}", "d1", NOW)

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str | None = None,
        *,
        tail: int = 200,
        previous: bool = False,
        **_: object,
    ) -> Reading[str]:
        self.asked.append((pod, previous))
        if previous not in self.lines:
            raise NotFound("previous terminated container not found")
        return Reading(self.lines[previous], f"log {pod} {previous}", "d2", NOW)


@dataclass
class Metrics:
    """A Prometheus reader that answers everything with the same series."""

    series: tuple[Series, ...] = ()
    queries: list[str] = field(default_factory=list)

    async def range(
        self, query: str, start: datetime, end: datetime, step: timedelta | None = None, max_points: int = 240
    ) -> Reading[tuple[Series, ...]]:
        assert (end - start) / (step or timedelta(seconds=1)) <= max_points + 1
        self.queries.append(query)
        return Reading(self.series, query, "d3", NOW)


class Down:
    """Any reader of a system that does not answer."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: object, **__: object) -> object:
            raise UpstreamUnavailable("upstream", "connection refused")

        return fail


def sources(**readers: Any) -> Sources:
    return Sources(signals=load_catalogue(None), artifacts=MemoryArtifacts(), **readers)


async def test_a_crash_is_found_through_the_readers():
    """Objects, then the logs of the crashed container before and after its restart."""
    cluster = Cluster(CRASHING, {True: "panic: no route", False: "starting"})
    analysis = await analyse(sources(kubernetes=cluster), NAMESPACE, at=NOW)
    assert [(item.cause, str(item.object)) for item in analysis.findings] == [("crash_loop", "deployment/checkout")]
    assert "panic: no route" in str(analysis.findings[0].claims)
    assert {name for name, _ in cluster.asked} == {"checkout-1-x7k2p"}


async def test_everything_down_is_said_and_not_raised():
    """No source answers: no findings, and each source is a blindspot with its evidence."""
    down = sources(kubernetes=Down(), prometheus=Down(), alertmanager=Down(), tempo=Down(), argocd=Down())
    analysis = await analyse(down, NAMESPACE, at=NOW)
    assert analysis.findings == ()
    assert {item.source for item in analysis.blindspots} == {"kubernetes", "prometheus", "alertmanager", "argocd"}
    assert all(item.unavailable and not item.observations for item in analysis.evidence)


async def test_what_is_not_configured_or_not_allowed_is_a_blindspot():
    """The reader learns what was not looked at."""
    found = await collect(sources(kubernetes=Cluster(well("cart"))), NAMESPACE, at=NOW)
    reasons = {(item.source, item.reason) for item in found.blindspots}
    assert ("prometheus", "not configured") in reasons
    assert ("kubernetes", "secrets: forbidden") in reasons


async def test_a_slow_source_does_not_hold_the_others_up(monkeypatch: pytest.MonkeyPatch):
    """Each read has a time limit of its own."""
    monkeypatch.setattr(sys.modules[collect.__module__], "SECONDS_FOR_ALL", 0.05)

    class Hanging(Cluster):
        async def objects(self, namespace: str | None) -> Reading[ObjectList]:
            await asyncio.sleep(60)
            raise AssertionError

    found = await collect(sources(kubernetes=Hanging()), NAMESPACE, at=NOW)
    assert any("no answer within" in item.reason for item in found.blindspots)


async def test_every_signal_of_the_catalogue_is_asked_for_once_the_rate_window_is_known():
    """The finest window that yields points is used for all."""
    metrics = Metrics((Series(labels={"service": "cart"}, points=tuple((float(i), 1.0) for i in range(20))),))
    found = await collect(sources(prometheus=metrics), NAMESPACE, at=NOW)
    assert set(found.signals) == set(load_catalogue(None).signals) - {"active_alerts"}
    assert sum("[15s]" in query for query in metrics.queries) > sum("[5m]" in query for query in metrics.queries)


async def test_without_alertmanager_the_incidents_own_alerts_count():
    """What the webhook brought is evidence too, kept in the artifact store."""
    alert = Alert(status="firing", labels={"alertname": "Down", "service": "cart"}, starts_at=NOW, fingerprint="f1")
    asked = sources()
    found = await collect(asked, NAMESPACE, at=NOW, alerts=(alert,))
    assert [item.fingerprint for item in found.alerts] == ["f1"]
    assert await asked.artifacts.get(found.alerts_look.digest)


def test_logs_are_read_of_few_pods():
    """A namespace full of broken pods does not mean hundreds of reads."""
    many = [
        item
        for n in range(60)
        for item in (deployment(f"w{n}", ready=0), replica_set(f"w{n}"), pod(f"w{n}", ready=False, status=LOOPING))
    ]
    keys = list(worth_reading(situation(*many), None))
    assert len(keys) > MOST_LOGS
    assert keys[0].previous


def test_a_container_that_waits_to_be_restarted_still_has_its_log():
    """The kubelet keeps the log of the one that ended; it is there where the previous one has been removed."""
    keys = list(worth_reading(situation(*CRASHING), None))
    assert {key.previous for key in keys if key.pod == "checkout-1-x7k2p"} == {True, False}


def test_logs_of_what_looks_well_are_read_while_somebody_complains():
    """A shared database that refuses is seen in its clients' logs alone; without an alert nobody's log is read."""
    assert [key.pod for key in worth_reading(situation(*well("cart"), onset=NOW), None)] == ["cart-1-x7k2p"]
    assert list(worth_reading(situation(*well("cart")), None)) == []


def test_windows_reach_back_as_far_as_their_resolution_is_worth():
    """Seconds for young incidents, minutes for old ones, never more points than a read may have."""
    young = windows(NOW, NOW - timedelta(minutes=1))
    assert [window.promql for window in young] == ["15s", "60s", "300s"]
    old = windows(NOW, NOW - timedelta(hours=20))
    assert [window.promql for window in old] == ["60s", "300s"]
    assert all((window.end - window.start) / window.step <= 240 for window in (*young, *old))


def test_the_inventory_holds_revisions_and_owners():
    """Names, replicas and revisions that a plan may use."""
    items = (*well("cart"), replica_set("cart", 2))
    entry = inventory_of(situation(*items)).workload(WorkloadRef(namespace=NAMESPACE, name="cart"))
    assert entry is not None
    assert [revision.number for revision in entry.revisions] == [1, 2]
    assert (entry.replicas, entry.ready, entry.application) == (1, 1, None)


def test_the_sites_catalogue_overlays_ours(tmp_path):
    """A site's file replaces what it names and keeps the rest."""
    file = tmp_path / "signals.yaml"
    file.write_text('error_ratio: my_errors{service=~"$service"}\nqueue_depth: my_queue\n')
    catalogue = load_catalogue(file)
    assert catalogue.render("error_ratio", service="cart") == 'my_errors{service=~"cart"}'
    assert {"queue_depth", "latency_p95"} <= catalogue.signals.keys()


@pytest.mark.parametrize("text", ["- a\n- b\n", "error_ratio: [1]\n", "error_ratio: x{$cluster}\n", "a: {b: \n"])
def test_a_bad_catalogue_is_refused_by_name(tmp_path, text: str):
    """The message names the file."""
    file = tmp_path / "signals.yaml"
    file.write_text(text)
    with pytest.raises(Misconfigured, match=r"signals\.yaml"):
        load_catalogue(file)
    with pytest.raises(Misconfigured, match=r"missing\.yaml"):
        load_catalogue(tmp_path / "missing.yaml")
