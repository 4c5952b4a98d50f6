"""Recorded incidents as situations, and how they are scored."""

import gzip
import json
from pathlib import Path

import pytest

from agent.analysis import analysis_of
from domain.diagnosis import Finding
from domain.errors import Misconfigured
from domain.evidence import Citation, Claim
from domain.objects import ObjectRef
from evals.cases import Expected, cases_in, expected_of
from evals.openmetrics import Recording, UnsupportedQuery
from tests.agent.analysis.shapes import NAMESPACE, deployment, endpoints, log, service, well

METRICS = """# TYPE up_probe gauge
up_probe{namespace="store",service="cart"} 0 1777890540
up_probe{namespace="store",service="cart"} 0 1777890600.5
up_probe{namespace="store",service="catalog"} NaN 1777890600
ok_ratio{service="cart",text="a \\"quoted\\" \\\\ one"} 0.75 1777890600
# EOF
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of one case: a Service that selects nothing."""
    folder = tmp_path / "case-1"
    folder.mkdir()
    items = [*well("catalog"), deployment("cart"), service("cart", selector={"app": "card"}), endpoints("cart", 0)]
    (tmp_path / "signals.yaml").write_text('probe_success: up_probe{namespace="$namespace",service=~"$service"}\n')
    header = {"schema": "incident-snapshot/v1", "id": "case-1", "system": "s", "namespace": NAMESPACE}
    alert = {"status": "firing", "labels": {"alertname": "Bad"}, "startsAt": "2026-05-04T10:29:00Z"}
    webhook = {"version": "4", "groupKey": "{}", "status": "firing", "alerts": [alert]}
    files = {
        "case.json": {**header, "taken_at": "2026-05-04T10:30:00Z"},
        "webhook.json": webhook,
        "active_alerts.json": [],
        "manifests.json": {},
        "expected.json": {"fault_object": "app/cart", "root_cause": "service_selector_mismatch"},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "kubernetes.json.gz").write_bytes(gzip.compress(json.dumps({"items": items}).encode()))
    (folder / "logs.json.gz").write_bytes(gzip.compress(json.dumps({f"{NAMESPACE}/cart-1/app/previous": "x"}).encode()))
    (folder / "metrics.om.gz").write_bytes(gzip.compress(METRICS.encode()))
    return tmp_path


def test_a_case_becomes_a_situation_that_can_be_scored(suite: Path):
    """Objects, logs, signals and the onset, as the analyzers see live systems."""
    (case,) = cases_in(suite)
    seen = case.situation()
    assert seen.onset == case.alerts[0].starts_at
    assert [key.previous for key in seen.logs] == [True]
    assert [series.labels["service"] for series in seen.signals["probe_success"].series] == ["cart"]
    expected = expected_of(case)
    assert expected is not None
    assert expected.matched_by(analysis_of(seen).findings[0])


def test_a_broken_case_is_named(suite: Path):
    """Corrupt files and foreign formats say which file it is."""
    (case,) = cases_in(suite)
    (case.folder / "kubernetes.json.gz").write_bytes(b"not gzip")
    with pytest.raises(Misconfigured, match=r"kubernetes\.json\.gz"):
        case.situation()
    (case.folder / "case.json").write_text(
        '{"schema": "other/v9", "id": "x", "system": "s", "namespace": "n", "taken_at": "2026-01-01T00:00:00Z"}'
    )
    (again,) = cases_in(suite)
    with pytest.raises(Misconfigured, match="schema: Input should be 'incident-snapshot/v1'"):
        again.situation()
    with pytest.raises(Misconfigured, match="no suite"):
        cases_in(suite / "nowhere")


@pytest.mark.parametrize(
    ("kind", "name", "right"),
    [
        ("deployment", "cart", True),
        ("service", "cart", True),
        ("pod", "cart-7f-x", True),
        ("pod", "cartoons", False),
        ("deployment", "catalog", False),
        ("node", "cart", False),
    ],
)
def test_an_app_is_matched_by_its_workload_service_or_pods(kind: str, name: str, right: bool):
    """As the format's README has it."""
    expected = Expected(fault_object="app/cart", root_cause="oom_killed")
    claim = Claim(text="seen", citations=(Citation(evidence="e", key="k", value="v"),))
    where = ObjectRef(kind=kind, name=name)
    finding = Finding(cause="oom_killed", object=where, confidence=0.9, claims=(claim,), analyzer="a")
    assert expected.matched_by(finding) is right


def test_recorded_gauges_answer_selectors_arithmetic_and_or():
    """What the catalogues of suites use; anything else says that it needs a real Prometheus."""
    recording = Recording(METRICS)
    (found,) = recording.evaluate('1 - ok_ratio{service=~"ca.*"}')
    assert found.points == ((1777890600.0, 0.25),)
    assert found.labels["text"] == 'a "quoted" \\ one'
    assert len(recording.evaluate('missing or {__name__=~"up_.+",service!="catalog"}')) == 1
    with pytest.raises(UnsupportedQuery):
        recording.evaluate("rate(up_probe[5m])")
    with pytest.raises(UnsupportedQuery):
        recording.evaluate("up_probe{")


def test_log_keys_tell_containers_before_a_restart():
    """`/previous` is the container before."""
    (key,) = log("cart", "x", previous=True)
    assert key.previous
