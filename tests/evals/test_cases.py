"""Folders of recorded incidents, and how they are scored."""

from pathlib import Path

import pytest

from domain.diagnosis import Finding
from domain.errors import Misconfigured
from domain.evidence import Citation, Claim
from domain.objects import ObjectRef
from evals.cases import Case, Expected, cases_in, expected_of
from evals.recordings import write
from tests.evals.replay.recorded import recording


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A suite of one case."""
    (tmp_path / "signals.yaml").write_text("up: up\n")
    write(recording("case-1"), tmp_path)
    (tmp_path / "case-1" / "expected.json").write_text('{"fault_object": "app/cart", "root_cause": "oom_killed"}')
    return tmp_path


def test_a_case_says_what_it_is_and_what_is_expected_of_it(suite: Path):
    """Its own id, and the label beside it."""
    (case,) = cases_in(suite)
    assert case.header.id == "case-1"
    assert expected_of(case) == Expected(fault_object="app/cart", root_cause="oom_killed")


def test_a_broken_case_is_named(suite: Path):
    """Missing files and foreign formats say which file it is."""
    header = suite / "case-1" / "case.json"
    header.write_text(header.read_text().replace("incident-snapshot/v1", "other/v9"))
    with pytest.raises(Misconfigured, match=r"case\.json: schema: Input should be 'incident-snapshot/v1'"):
        _ = Case(header.parent).header
    header.unlink()
    with pytest.raises(Misconfigured, match=r"cannot read .*case\.json"):
        _ = Case(header.parent).header
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
