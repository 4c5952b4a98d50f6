"""What grows, flaps or never ends: memory, autoscalers, jobs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.analyzers.leaks import steady_growth
from tests.agent.analysis.conftest import Top
from tests.agent.analysis.shapes import (
    NAMESPACE,
    at,
    calls,
    container,
    deployment,
    endpoints,
    event,
    pod,
    replica_set,
    series,
    service,
    signals,
    situation,
    step,
    well,
)
from tools.documents import JsonObject

MIB = 2.0**20


def limited(limit: str, **status: object) -> tuple[JsonObject, ...]:
    """`cart` with a memory limit."""
    spec = {"containers": [container(resources={"limits": {"memory": limit}})]}
    own = (
        deployment("cart", **spec),
        replica_set("cart"),
        pod("cart", status=status),
        service("cart"),
        endpoints("cart"),
    )
    return (*well("front"), *own)


def ramp(low: float, high: float, long: int = 36) -> list[float]:
    return [low * MIB + (high - low) * MIB * index / (long - 1) for index in range(long)]


def memory(values: list[float], load: list[float] | None = None) -> dict[str, object]:
    rates = {"request_rate": [series("cart", load)]} if load else {}
    return {"signals": signals(memory_usage=[series("cart", values)], dependencies=calls("front>cart"), **rates)}


def test_memory_that_grows_towards_its_limit_is_a_leak(top: Top):
    """Before anything is killed."""
    assert top(situation(*limited("256Mi"), **memory(ramp(60, 230)))) == ("memory_leak", "deployment/cart")


@pytest.mark.parametrize(
    ("values", "load"),
    [
        (ramp(60, 120), None),
        ([60 * MIB] * 36, None),
        ([*ramp(60, 230, 18), *[230 * MIB] * 18], None),
        (ramp(60, 230), [*step(10.0, 60.0, long=36, since=20)]),
        (ramp(230, 60), None),
        ([230 * MIB if index % 6 else 60 * MIB for index in range(36)], None),
    ],
    ids=["far from its limit", "level", "levels off", "as the load", "falls", "collected"],
)
def test_memory_that_is_no_leak(top: Top, values: list[float], load: list[float] | None):
    """Warm-up, load and garbage collection."""
    found = top(situation(*limited("256Mi"), **memory(values, load)))
    assert found is None or found[0] != "memory_leak"


def test_growth_before_a_restart_tells_of_a_leak_after_it(analysed):
    """The kill is certain, the leak its likely reason."""
    killed = {
        "restartCount": 1,
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": at(30)}},
    }
    seen = situation(*limited("256Mi", **killed), **memory([*ramp(60, 250, 30), *ramp(40, 50, 6)]))
    assert [item.cause for item in analysed(seen).findings] == ["oom_killed", "memory_leak"]


@given(st.lists(st.floats(1e8, 1.02e8), min_size=12, max_size=80))
def test_noise_is_no_growth(values: list[float]):
    """Two per cent up or down never is."""
    assert steady_growth(tuple(enumerate(values))) is None


@given(st.floats(1e7, 1e9), st.floats(1.5, 20.0), st.integers(12, 100))
def test_a_straight_line_up_is_growth(low: float, factor: float, long: int):
    """From about where it began to about where it ends."""
    rise = max((factor - 1) * low, 64 * MIB)
    found = steady_growth(tuple((float(i), low + rise * i / (long - 1)) for i in range(long)))
    assert found is not None
    assert low <= found.before < found.now <= low + rise * 1.001


def autoscaler() -> JsonObject:
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "cart", "namespace": NAMESPACE},
        "spec": {"minReplicas": 2, "maxReplicas": 9, "scaleTargetRef": {"kind": "Deployment", "name": "cart"}},
    }


def rescale(size: int, ago: float, *, up: bool, times: int = 1) -> JsonObject:
    reason = "cpu resource utilization (percentage of request) above target" if up else "All metrics below target"
    found = event("HorizontalPodAutoscaler", "cart", "SuccessfulRescale", f"New size: {size}; reason: {reason}", ago)
    return {**found, "count": times, "metadata": {"name": f"cart.{size}.{ago}", "namespace": NAMESPACE}}


def test_an_autoscaler_that_goes_up_and_down_again_flaps(top: Top):
    """Whether its changes are listed one by one or counted."""
    single = [rescale(6 if index % 2 else 2, 1200 - 200 * index, up=bool(index % 2)) for index in range(6)]
    assert top(situation(*well("cart"), autoscaler(), *single)) == ("hpa_flapping", "deployment/cart")
    counted = (rescale(6, 300, up=True, times=4), rescale(2, 120, up=False, times=4))
    assert top(situation(*well("cart"), autoscaler(), *counted)) == ("hpa_flapping", "deployment/cart")


def test_the_deployments_own_events_tell_too(top: Top):
    """Where the autoscaler's have gone."""
    words = [
        event("Deployment", "cart", "ScalingReplicaSet", f"Scaled {way} replica set cart-1 to {size} from {other}", ago)
        for turn, ago in enumerate((1500, 1200, 900, 600, 300, 60))
        for way, size, other in [("down", 2, 6) if turn % 2 else ("up", 6, 2)]
    ]
    assert top(situation(*well("cart"), autoscaler(), *words)) == ("hpa_flapping", "deployment/cart")


def test_a_load_that_came_and_went_is_no_flapping(top: Top):
    """Once or twice up and down; steps in one direction; a rollout; a storm that is over."""
    once = (rescale(6, 1500, up=True), rescale(2, 120, up=False))
    assert top(situation(*well("cart"), autoscaler(), *once)) is None
    twice = (rescale(6, 900, up=True, times=2), rescale(2, 120, up=False, times=2))
    assert top(situation(*well("cart"), autoscaler(), *twice)) is None
    rising = [rescale(size, 1000 - 100 * size, up=True) for size in range(3, 8)]
    assert top(situation(*well("cart"), autoscaler(), *rising)) is None
    over = [rescale(6 if index % 2 else 2, 3500 - 100 * index, up=bool(index % 2)) for index in range(6)]
    assert top(situation(*well("cart"), autoscaler(), *over)) is None


def job(name: str, began: float, *, took: float | None = None, failed: str = "", owner: str = "report") -> JsonObject:
    """A Job of the CronJob `report` that began so many seconds ago, and took so long if it is done."""
    done: JsonObject = {"completionTime": at(began - took), "succeeded": 1} if took is not None else {"active": 1}
    kind = "Complete" if took is not None else "Failed" if failed else ""
    condition: JsonObject = {"type": kind, "status": "True", "reason": failed, "lastTransitionTime": at(60)}
    return {
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "ownerReferences": [{"kind": "CronJob", "name": owner}] if owner else [],
        },
        "spec": {},
        "status": {"startTime": at(began), **({} if failed else done), "conditions": [condition] if kind else []},
    }


def cron_job(policy: str = "Forbid", last: float = 3600) -> JsonObject:
    return {
        "kind": "CronJob",
        "metadata": {"name": "report", "namespace": NAMESPACE},
        "spec": {"schedule": "*/10 * * * *", "concurrencyPolicy": policy},
        "status": {"lastScheduleTime": at(last)},
    }


FELLOWS = (job("report-1", 9000, took=240), job("report-2", 8000, took=300))


@pytest.mark.parametrize(
    "items",
    [
        (*FELLOWS, job("report-3", 3600)),
        (job("report-3", 3600), cron_job()),
        (
            job("report-3", 3600),
            cron_job(last=60),
            event("CronJob", "report", "JobAlreadyActive", "prior execution runs"),
        ),
        (job("report-3", 3600, failed="DeadlineExceeded"),),
        (job("report-3", 8 * 3600, owner=""),),
    ],
    ids=["longer than its fellows", "missed runs", "skipped runs", "deadline", "for hours"],
)
def test_a_job_that_does_not_end_is_deadlocked(top: Top, items: tuple[JsonObject, ...]):
    """Compared with its fellows, its schedule, its deadline, or nothing but time."""
    assert top(situation(*well("cart"), *items)) == ("job_deadlocked", "job/report-3")


@pytest.mark.parametrize(
    "items",
    [
        (*FELLOWS, job("report-3", 800)),
        (*FELLOWS, job("report-3", 300), cron_job(last=300)),
        (job("report-3", 3600), cron_job("Allow")),
        (job("report-3", 3600, owner=""),),
        FELLOWS,
    ],
    ids=["a bit long", "on time", "may overlap", "an hour", "all done"],
)
def test_a_job_that_merely_runs_is_no_fault(top: Top, items: tuple[JsonObject, ...]):
    """Jobs vary."""
    assert top(situation(*well("cart"), *items)) is None
