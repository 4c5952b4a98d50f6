"""Synthetic incidents: healthy worlds are well, faults show, and a suite is the same every time."""

from collections import Counter
from pathlib import Path

import pytest

from domain.causes import CAUSES
from evals.cases import cases_in
from evals.labels import label_of
from evals.recordings import folders_of, key_of, write
from evals.runner import run
from evals.synthesis.faults.catalogue import FAULTS
from evals.synthesis.suite import generate, incidents, well, write_catalogue
from evals.synthesis.systems import SYSTEMS
from evals.synthesis.wording import worded
from evals.transforms.wellness import complaints
from service.settings import load_settings

QUIET = {"bad_release", "bad_configuration_change", "service_env_var_address_mismatch", "gateway_misroute"}
"""Causes that leave the state of objects and probes as it is: only logs and signals tell."""


@pytest.mark.servers
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda item: item.name)
def test_a_healthy_world_is_well_and_nothing_is_found_in_it(system: object, tmp_path: Path):
    """By its objects, and by the analyzers: whatever a fault adds is the fault's."""
    case = well(next(item for item in SYSTEMS if item is system), seed=5)
    assert complaints(case) == ()
    write_catalogue(tmp_path)
    write(case, tmp_path)
    (outcome,) = run(cases_in(tmp_path), load_settings({}), jobs=1)
    assert (outcome.result.error, outcome.result.causes) == (None, ())


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own suite, as the board makes it."""
    folder = tmp_path_factory.mktemp("suites") / "own"
    generate(folder)
    return folder


def test_a_suite_is_the_same_bytes_every_time(own: Path, tmp_path: Path):
    """So that figures of our own suite can be compared with those of another day though no case is kept."""
    again = tmp_path / "again"
    generate(again, most=9)
    assert len(folders_of(again)) == 9
    files = [path.relative_to(again) for path in again.rglob("*") if path.is_file()]
    assert [file for file in files if (again / file).read_bytes() != (own / file).read_bytes()] == []


def test_our_own_suite_is_broad(own: Path):
    """At least forty causes, each on more than one service where more than one can have it."""
    labels = [label for case in cases_in(own) if (label := label_of(case))]
    services = {(label.root_cause, label.fault_object) for label in labels}
    assert len({label.root_cause for label in labels}) >= 40
    assert len(services) > 1.8 * len({cause for cause, _ in services})
    assert {label.root_cause for label in labels} <= CAUSES.keys()


def test_every_fault_says_who_is_at_fault_in_its_own_world():
    """The object of the label exists in the case, or is the namespace's or the workload's of that name."""
    for case in incidents(2, 1):
        assert case.label is not None
        kind, name = case.label.fault_object.split("/")
        known = {(key_of(item).kind.lower(), key_of(item).name) for item in case.items}
        assert (kind, name) in known or (kind == "app" and ("deployment", name) in known | _stateful(known))


def _stateful(known: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {("deployment", name) for kind, name in known if kind == "statefulset"}


def test_faults_of_the_state_can_be_seen_in_the_state():
    """Admission, scheduling, start-up and most routing faults leave something that is not as it should be."""
    for case in incidents(3, 1):
        assert case.label is not None
        seen = {"Admission_Fault", "Scheduling_Fault", "Startup_Fault", "Service_Routing_Fault"}
        if case.label.fault_taxonomy in seen and case.label.root_cause not in QUIET | {
            "namespace_service_quota_exceeded"
        }:
            assert complaints(case), case.label.root_cause


def test_causes_are_listed_once():
    """A cause with two faults would have its figures mixed."""
    assert not [cause for cause, count in Counter(fault.cause for fault in FAULTS).items() if count > 1]


def test_words_are_those_of_the_speaker():
    """A language without words of its own has everybody's; an unknown occasion is an error."""
    assert worded("port_taken", "java", port=8080) == "Web server failed to start. Port 8080 was already in use."
    assert "bind: address already in use" in worded("port_taken", "go", port=8080)
    with pytest.raises(KeyError):
        worded("no such occasion")
