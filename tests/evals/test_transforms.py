"""Suites made from suites: the same faults under other names, with less evidence, mended, and two at once."""

import json
from pathlib import Path

import pytest

from domain.errors import Misconfigured
from evals.cases import cases_in
from evals.exposition import Sample, exposition, samples
from evals.labels import HEALTHY, label_of
from evals.recordings import Recording, folders_of, read, write
from evals.synthesis.faults.catalogue import FAULTS
from evals.synthesis.suite import incident, write_catalogue
from evals.synthesis.systems import CLINIC
from evals.transforms.kinds import Kind, transform
from evals.transforms.renaming import Renaming, names_in, vocabulary
from evals.transforms.wellness import complaints


def faulty(cause: str, component: str, seed: int = 1) -> Recording:
    fault = next(item for item in FAULTS if item.cause == cause)
    return incident(CLINIC, CLINIC.component(component), fault, seed=seed)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four faults of one system, in applications that do not depend on one another's."""
    folder = tmp_path_factory.mktemp("suites") / "suite"
    write_catalogue(folder)
    for cause, component in (
        ("incorrect_image_reference", "reminders"),
        ("service_selector_mismatch", "billing"),
        ("missing_secret_binding", "messages"),
        ("oom_killed", "insurers"),
    ):
        write(faulty(cause, component), folder)
    return folder


def test_samples_survive_being_written_and_read():
    """Names, labels with quotes and backslashes, values and times."""
    found = [Sample("up", (("service", 'a "quoted" \\ one\n'),), "0.5", 1777890600.5), Sample("ok:ratio", (), "1", 7.0)]
    assert sorted(samples(exposition(found))) == sorted(found)


def test_no_old_name_is_left_anywhere():
    """Objects, logs, metrics, manifests, alerts and the label use the new names; cause ids and protocols stay."""
    case = faulty("mysql_invalid_credentials", "patients")
    names = names_in(case)
    renamed = Renaming(vocabulary([case], seed=3)).case(case)
    assert {"patients", "records", "clinic"} <= names
    text = "\n".join(renamed.texts())
    for name in ("patients", "appointments", "insurers", "billing"):
        assert name not in text
    assert renamed.label is not None
    assert renamed.label.root_cause == "mysql_invalid_credentials"
    assert renamed.label.fault_object != "app/patients"
    assert renamed.label.fault_object.removeprefix("app/") in {item.name for item in renamed.cluster.workloads}


def test_a_protocol_is_no_name():
    """`mysql://` stays where a Service is called mysql; upper case and CamelCase follow."""
    renaming = Renaming({"mysql": "brano", "cart-service": "kel-tor"})
    assert renaming.text("mysql://mysql:3306") == "mysql://brano:3306"
    assert renaming.text("CART_SERVICE_ADDR CartService cart-service-7f-x") == "KEL_TOR_ADDR KelTor kel-tor-7f-x"
    assert renaming.text("cart-services") == "cart-services"


@pytest.mark.parametrize(
    ("kind", "empty"),
    [
        (Kind.WITHOUT_LOGS, "logs"),
        (Kind.WITHOUT_MANIFESTS, "manifests"),
        (Kind.WITHOUT_EVENTS, "events"),
        (Kind.WITHOUT_METRICS, "samples"),
    ],
)
def test_one_source_is_gone_and_the_others_stay(suite: Path, tmp_path: Path, kind: Kind, empty: str):
    """Each blinded suite lacks its source in every case, and nothing else."""
    assert transform(suite, kind, tmp_path / "out").written == 4
    for folder in folders_of(tmp_path / "out"):
        before, after = _sizes(read(suite / folder.name)), _sizes(read(folder))
        assert after.pop(empty) == 0
        assert before.pop(empty) > 0
        assert after == before


def _sizes(case: Recording) -> dict[str, int]:
    events = sum(item.get("kind") == "Event" for item in case.items)
    return {
        "logs": len(case.logs),
        "manifests": len(case.manifests),
        "events": events,
        "others": len(case.items) - events,
        "samples": len(list(samples(case.metrics))),
    }


def test_a_mended_system_is_well_by_its_own_objects(suite: Path, tmp_path: Path):
    """Before there is something to complain of, afterwards nothing; the label says that all is well."""
    result = transform(suite, Kind.HEALTHY, tmp_path / "out")
    assert result.written + len(result.skipped) == 4
    assert result.written >= 3
    for folder in folders_of(tmp_path / "out"):
        before, after = read(suite / folder.name), read(folder)
        assert complaints(before)
        assert complaints(after) == ()
        assert after.label is not None
        assert (after.label.root_cause, after.label.faults) == (HEALTHY, ())
        assert after.taken_at > before.taken_at


def test_two_faults_are_both_in_the_case_and_in_its_label(suite: Path, tmp_path: Path):
    """The second fault's pods and Services come along, and the first one's stay as they were."""
    assert transform(suite, Kind.TWO_FAULTS, tmp_path / "out").written
    for case in cases_in(tmp_path / "out"):
        label = label_of(case)
        assert label is not None
        assert len({fault.fault_object for fault in label.faults}) == 2
        said = " ".join(complaints(read(case.folder)))
        for fault in label.faults:
            assert fault.fault_object.removeprefix("app/") in said


def test_the_same_arguments_give_the_same_suite(suite: Path, tmp_path: Path):
    """Names, donors and pairs follow from the seed."""
    for kind in (Kind.RENAMED, Kind.HEALTHY, Kind.TWO_FAULTS):
        first, second = tmp_path / f"{kind}-1", tmp_path / f"{kind}-2"
        transform(suite, kind, first)
        transform(suite, kind, second)
        assert _content(first) == _content(second)


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_cannot_be_transformed_is_named(suite: Path, tmp_path: Path):
    """A corrupt case is skipped with a reason; a full target and a folder without cases are refused."""
    broken = tmp_path / "broken"
    (broken / "case-1").mkdir(parents=True)
    (broken / "case-1" / "case.json").write_text(json.dumps({"id": "case-1"}))
    (broken / "signals.yaml").write_text("{}")
    result = transform(broken, Kind.WITHOUT_LOGS, tmp_path / "out")
    assert (result.written, [item.case for item in result.skipped]) == (0, ["case-1"])
    with pytest.raises(Misconfigured, match="cases already"):
        transform(suite, Kind.WITHOUT_LOGS, suite)
    with pytest.raises(Misconfigured, match="no suite"):
        transform(tmp_path / "nowhere", Kind.WITHOUT_LOGS, tmp_path / "out-2")
