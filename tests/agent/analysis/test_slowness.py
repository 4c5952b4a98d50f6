"""Signals that left their past, who is to blame for slowness, and what changed before."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.analysis import Analysis
from agent.anomalies import anomaly_of
from agent.looks import Look
from agent.remedies import SURE_ENOUGH
from agent.situation import Application, Situation, Trace
from domain.inventory import ApplicationEntry, Deployed
from domain.plans import ApplicationPrecondition
from tests.agent.analysis.conftest import Top
from tests.agent.analysis.shapes import (
    METRICS,
    NOW,
    at,
    calls,
    container,
    deployment,
    endpoints,
    node,
    pod,
    replica_set,
    series,
    service,
    signals,
    situation,
    step,
    well,
)
from tools.alertmanager.models import ActiveAlert
from tools.argocd.models import ApplicationState, ResourceState
from tools.documents import JsonObject
from tools.tempo.models import PathStep, ServiceShare, SpanView, TraceSummary

SHOP = well("front", "cart", "catalog", "stock")
GRAPH = calls("front>cart", "front>catalog", "catalog>stock", "cart>stock")
INCIDENT = {"onset": NOW - timedelta(seconds=60)}


def slow(**services: tuple[float, float]) -> dict[str, object]:
    """Median latencies before and now, in seconds, and the call graph."""
    latencies = [series(name, step(*values)) for name, values in services.items()]
    return {"signals": signals(latency_p50=latencies, dependencies=GRAPH), **INCIDENT}


@given(st.floats(0.0, 1e6), st.integers(10, 60))
def test_a_constant_signal_is_no_anomaly(value: float, length: int):
    """What never changes never stands out."""
    assert anomaly_of("cpu_usage", series("cart", [value] * length), METRICS, None) is None


@given(st.lists(st.floats(0.9, 1.1), min_size=12, max_size=60), st.integers(0, 59))
def test_noise_and_a_single_spike_are_no_anomaly(values: list[float], place: int):
    """One point is a spike, and a tenth up or down is noise."""
    values[place % len(values)] = 50.0
    assert anomaly_of("latency_p50", series("cart", values), METRICS, None) is None


@given(st.floats(0.01, 10.0), st.floats(4.0, 50.0), st.booleans())
def test_a_lasting_step_is_an_anomaly_in_either_direction(level: float, factor: float, up: bool):
    """Rises and drops alike, with the values before and after, and when it began."""
    before, after = (level, level * factor) if up else (level * factor, level)
    found = anomaly_of("latency_p50", series("cart", step(before, after)), METRICS, None)
    assert found is not None
    assert (found.before, found.now) == pytest.approx((before, after))
    assert not found.over
    assert abs((found.onset - (NOW - timedelta(seconds=70))).total_seconds()) < 6


def test_what_came_back_is_over():
    """A signal that is normal again is no trouble of the present, unless an alert says that it is."""
    values = [0.1] * 20 + [2.0] * 8 + [0.1] * 8
    calm = anomaly_of("latency_p50", series("cart", values), METRICS, None)
    assert calm is not None
    assert (calm.over, calm.ongoing) == (True, False)
    alerted = anomaly_of("latency_p50", series("cart", values), METRICS, NOW - timedelta(seconds=80))
    assert alerted is not None
    assert (alerted.over, alerted.ongoing) == (True, True)
    earlier = anomaly_of("latency_p50", series("cart", values), METRICS, NOW - timedelta(seconds=30))
    assert earlier is not None
    assert (earlier.over, earlier.ongoing) == (True, False), "it had come back before the alert"


def test_no_traffic_is_no_latency():
    """Zeros of a latency are missing measurements: they neither make a baseline nor a recovery."""
    found = anomaly_of("latency_p50", series("cart", [0.0, 0.1] * 10 + [0.0, 3.0] * 8), METRICS, None)
    assert found is not None
    assert found.before == pytest.approx(0.1)


def test_the_culprit_is_the_last_slow_service_of_the_walk(top: Top):
    """Everybody above the slow one is slow too, and some much more: they wait for it several times."""
    assert top(situation(*SHOP, **slow(front=(0.1, 4.0), catalog=(0.05, 1.5), stock=(0.01, 0.6)))) == (
        "pod_network_delay",
        "deployment/stock",
    )


def test_callees_that_merely_feel_a_slow_caller_are_not_blamed(top: Top):
    """Answers to a pod with a slow network are slow as well, by far less."""
    assert top(situation(*SHOP, **slow(front=(0.1, 15.0), catalog=(0.05, 0.5), cart=(0.02, 0.3)))) == (
        "pod_network_delay",
        "deployment/front",
    )


def test_scarce_cpu_explains_slowness_better_than_the_network(top: Top):
    """Throttling and usage rose with the latency; the callers are victims."""
    given_signals = signals(
        latency_p50=[series("front", step(0.1, 0.9)), series("cart", step(0.02, 0.4))],
        cpu_usage=[series("cart", step(0.1, 0.5))],
        cpu_throttling=[series("cart", step(0.0, 0.8))],
        dependencies=GRAPH,
    )
    assert top(situation(*SHOP, signals=given_signals, **INCIDENT)) == ("pod_cpu_overload", "deployment/cart")


def test_a_crowd_that_had_left_before_the_alert_is_not_blamed_for_the_next(top: Top):
    """Shortly after one service had too little CPU, another has."""
    left, came = [0.0] * 14 + [0.8] * 8 + [0.0] * 8, step(0.0, 0.5, since=6)
    slower_then, slower_now = [0.02] * 14 + [0.9] * 8 + [0.02] * 8, step(0.1, 0.9, since=6)
    given_signals = signals(
        latency_p50=[series("stock", slower_then), series("front", slower_now)],
        cpu_throttling=[series("stock", left), series("front", came)],
        dependencies=GRAPH,
    )
    onset = NOW - timedelta(seconds=20)
    assert top(situation(*SHOP, signals=given_signals, onset=onset)) == ("pod_cpu_overload", "deployment/front")


def test_a_service_that_refuses_what_it_cannot_serve_is_short_of_cpu(top: Top):
    """Half of its answers are quick refusals: its median falls while its errors rise."""
    given_signals = signals(
        latency_p50=[series("front", step(0.1, 0.02))],
        error_ratio=[series("front", step(0.0, 0.5))],
        cpu_throttling=[series("front", step(0.0, 0.4))],
        request_rate=[series("front", step(40.0, 400.0))],
        dependencies=GRAPH,
    )
    assert top(situation(*SHOP, signals=given_signals, **INCIDENT)) == ("pod_cpu_overload", "deployment/front")


def trace_of(service_name: str, *, kind: str, peer: str) -> Trace:
    span = SpanView(
        span_id="ab",
        parent_id=None,
        service=service_name,
        name="SELECT",
        kind=kind,
        started_at=NOW,
        duration_ms=900.0,
        error=False,
        attributes={"peer.service": peer},
    )
    path = PathStep(span_id="ab", service=service_name, name="SELECT", duration_ms=900.0, self_ms=880.0)
    summary = TraceSummary(
        trace_id="t1",
        started_at=NOW,
        duration_ms=1000.0,
        span_count=2,
        services=(ServiceShare(service=service_name, spans=2, errors=0, self_ms=880.0),),
        calls=(),
        error_spans=(),
        slowest_spans=(span,),
        critical_path=(path,),
    )
    return Trace(Look("trace", "tempo", "trace t1", "d7", NOW), summary)


def test_a_trace_that_waits_outside_names_the_slow_dependency(top: Top):
    """Time spent in a call to something that is no service here is a slow dependency of the caller."""
    seen = situation(*SHOP, **slow(front=(0.1, 2.0), stock=(0.02, 1.0)))
    outside = replace(seen, traces=(trace_of("stock", kind="client", peer="stock-db.example"),))
    assert top(outside) == ("slow_dependency", "deployment/stock")
    inside = replace(seen, traces=(trace_of("stock", kind="server", peer=""),))
    assert top(inside) == ("pod_network_delay", "deployment/stock")


def test_retransmits_of_a_node_under_several_slow_services_are_loss(top: Top):
    """Services with nothing in common but slowness, and a node that sends segments again."""
    given_signals = signals(
        latency_p50=[series("cart", step(0.02, 0.3)), series("catalog", step(0.03, 0.4))],
        node_retransmits=[series("n1", step(0.1, 9.0), label="node")],
        dependencies=GRAPH,
    )
    assert top(situation(*SHOP, signals=given_signals, **INCIDENT)) == ("node_network_packet_loss", "node/n1")


def rolled_out(image: str, *, ago: float = 60, also: tuple[JsonObject, ...] = (), **fields: object) -> Situation:
    """`cart` at revision 2 since `ago` seconds, its errors since 50; `also` is in the cluster, too."""
    cart = deployment("cart", containers=[container(image=image, **fields)])
    metadata = cart["metadata"]
    assert isinstance(metadata, dict)
    metadata["annotations"] = {"deployment.kubernetes.io/revision": "2"}
    items = (
        *well("front"),
        node("n1"),
        cart,
        replica_set("cart", 1, containers=[container(image="app:1")]),
        replica_set("cart", 2, made=ago, containers=[container(image=image, **fields)]),
        pod("cart", revision=2),
        service("cart"),
        endpoints("cart"),
        *also,
    )
    errors = [series("cart", step(0.0, 0.3, since=10)), series("front", step(0.0, 0.1, since=9))]
    return situation(*items, signals=signals(error_ratio=errors, dependencies=calls("front>cart")), **INCIDENT)


def test_errors_right_after_a_release_are_the_releases(analysed: Callable[[Situation], Analysis]):
    """The workload that changed, not the caller that suffers; with what changed and when."""
    findings = analysed(rolled_out("app:2")).findings
    assert [(item.cause, str(item.object)) for item in findings] == [("bad_release", "deployment/cart")]
    assert "app:1 to app:2" in " ".join(claim.text for claim in findings[0].claims)


def test_a_rollout_of_the_same_image_is_a_configuration_change(top: Top):
    """Only the environment changed."""
    changed = rolled_out("app:1", env=[{"name": "LIMIT", "value": "1"}])
    assert top(changed) == ("bad_configuration_change", "deployment/cart")


def test_an_old_release_is_not_blamed(top: Top):
    """What began long after a release has another cause."""
    assert top(rolled_out("app:2", ago=3 * 3600)) is None


def under_load(seen: Situation) -> Situation:
    """The same with twice the requests since the errors began, and too little CPU for them."""
    more = signals(
        request_rate=[series("cart", step(50.0, 110.0, since=10))],
        cpu_throttling=[series("cart", step(0.0, 0.5, since=10))],
        cpu_usage=[series("cart", step(0.2, 0.5, since=10))],
    )
    return replace(seen, signals={**seen.signals, **more})


def test_a_release_shortly_before_a_crowd_came_is_blamed_less_than_the_crowd(top: Top):
    """All was well from the release on, until there were far more requests than before."""
    assert top(under_load(rolled_out("app:2", ago=140))) == ("pod_cpu_overload", "deployment/cart")


def test_requests_that_are_tried_again_since_a_release_are_no_crowd(top: Top):
    """They came with the release, as its errors did."""
    assert top(under_load(rolled_out("app:2"))) == ("bad_release", "deployment/cart")


def test_a_release_whose_callee_fails_as_much_is_not_blamed(top: Top):
    """Errors that come from below are not the release's."""
    seen = rolled_out("app:2")
    errors = [series("cart", step(0.0, 0.3, since=10)), series("stock", step(0.0, 0.4, since=10))]
    inherited = replace(seen, signals=signals(error_ratio=errors, dependencies=calls("front>cart", "cart>stock")))
    assert top(inherited) is None


def test_a_release_whose_callee_has_recovered_before_is_blamed(top: Top):
    """What was over before the errors began does not explain them."""
    seen = rolled_out("app:2")
    errors = [series("cart", step(0.0, 0.3, since=10)), series("stock", [0.0] * 12 + [0.4] * 5 + [0.0] * 13)]
    alone = replace(seen, signals=signals(error_ratio=errors, dependencies=calls("front>cart", "cart>stock")))
    assert top(alone) == ("bad_release", "deployment/cart")


def test_a_release_whose_callee_is_down_is_not_blamed(top: Top):
    """A callee without a single replica has no errors of its own to measure, and explains those of its callers."""
    stock = (deployment("stock", ready=0), service("stock"), endpoints("stock", ready=0), pod("stock", ready=False))
    seen = rolled_out("app:2", also=stock)
    calling = {**seen.signals, **signals(dependencies=calls("front>cart", "cart>stock"))}
    assert top(replace(seen, signals=calling)) != ("bad_release", "deployment/cart")


def put_back(*, undone: float) -> Situation:
    """`cart` runs the release of 60 seconds ago again, which somebody had undone for a moment `undone` seconds ago."""
    undoing = replica_set("cart", 1, made=undone, containers=[container(image="app:1")])
    return rolled_out("app:2", also=(undoing,))


def test_a_bad_release_that_was_put_back_is_still_bad(top: Top):
    """Its errors began when it first ran: self-heal brought it back over somebody's patch."""
    assert top(put_back(undone=30)) == ("bad_release", "deployment/cart")


def test_a_release_that_ran_well_and_was_put_back_is_no_cause(top: Top):
    """Its errors began after it had been replaced: they are of what replaced it."""
    assert top(put_back(undone=55)) != ("bad_release", "deployment/cart")


def application(
    revision: str, *earlier: str, sync: str = "Synced", phase: str = "Succeeded", ago: float = 60
) -> Application:
    history = tuple(
        Deployed(
            history_id=number,
            revision=name,
            deployed_at=datetime.fromisoformat(at(ago + 600 * (len(earlier) - number))),
        )
        for number, name in enumerate((*earlier, revision))
    )
    entry = ApplicationEntry(name="shop-cart", namespace="store", sync_status=sync, health="Healthy", history=history)
    state = ApplicationState(
        entry=entry,
        precondition=ApplicationPrecondition(
            uid="u", deployed_revision=revision, last_history_id=len(earlier), target_revision="main", auto_sync=False
        ),
        operation_phase=phase,
        operation_message="one or more objects failed to apply" if phase == "Failed" else "",
        images=(),
        resources=(ResourceState(kind="Deployment", namespace="store", name="cart", sync=sync, health="Healthy"),),
        destination_namespace="store",
        conditions=(),
    )
    look = Look("application", "argocd", "applications", "d8", NOW)
    return Application(look, state, history[-1].deployed_at, ("deployment/cart",) if sync == "OutOfSync" else ())


def test_a_rollback_gets_no_plan(analysed: Callable[[Situation], Analysis]):
    """A revision that ran before is suspected too little for trouble that follows it to be taken back."""
    back = replace(rolled_out("app:2"), applications=(application("aaa", "aaa", "bbb"),))
    suspected = [item.confidence for item in analysed(back).findings if item.cause == "bad_release"]
    assert all(confidence < SURE_ENOUGH for confidence in suspected)


def test_a_failed_sync_says_what_argo_said(top: Top):
    """Argo CD's own words are the evidence."""
    failed = application("bbb", "aaa", phase="Failed")
    assert top(situation(*well("cart"), applications=(failed,))) == ("sync_failed", "application/shop-cart")


def test_an_application_out_of_sync_is_a_fault_only_while_something_is_wrong(top: Top):
    """Drift alone is a state; beside an ailing workload it is a suspect."""
    drifted = application("bbb", "aaa", sync="OutOfSync", ago=86_400)
    assert top(situation(*well("cart"), applications=(drifted,))) is None
    errors = signals(error_ratio=[series("cart", step(0.0, 0.4))])
    found = top(situation(*well("cart"), applications=(drifted,), signals=errors, **INCIDENT))
    assert found == ("application_out_of_sync", "application/shop-cart")


def test_times_are_utc():
    """Onsets can be compared with alerts and deployments."""
    found = anomaly_of("latency_p50", series("cart", step(0.1, 2.0)), METRICS, None)
    assert found is not None
    assert found.onset.tzinfo is UTC


def test_without_traces_what_became_most_times_slower_comes_first(top: Top):
    """A caller was slow before by all it waits for, and may be the slowest now: the same delay shows most below it."""
    stated = {"front": (1812.5, 7316.6), "cart": (18.4, 6829.3)}
    alerts = tuple(
        ActiveAlert(
            fingerprint=f"f-{name}",
            labels={"alertname": "Slow", "service": name},
            annotations={"description": f"p50 latency: Normal={before}ms -> Current={now}ms"},
            state="active",
            starts_at=INCIDENT["onset"],
        )
        for name, (before, now) in stated.items()
    )
    look = Look("alert", "alertmanager", "active alerts", "d9", NOW)
    assert top(situation(*SHOP, alerts=alerts, alerts_look=look, **INCIDENT)) == (
        "pod_network_delay",
        "deployment/cart",
    )
