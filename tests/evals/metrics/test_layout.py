import math
from pathlib import Path

import pytest

from domain.errors import InvalidInput
from evals.metrics.layout import Case, read_case, scored_name, suite_in, write_case

CASE = Case(
    service="order-service",
    fault="cpu",
    run="1",
    inject_time=110,
    times=(100, 105, 110, 115),
    columns={
        ("order-service", "cpu"): (0.1, math.nan, 0.9, 1.0),
        ("order-service-db", "latency-90"): (0.01, 0.02, 0.03, 0.04),
    },
    calls=frozenset({("order-service", "order-service-db")}),
)


def test_a_case_is_read_as_it_was_written(tmp_path: Path):
    """Values, missing points, the moment of injection and the calls survive the files."""
    folder = write_case(CASE, tmp_path)
    read = read_case(folder / "data.csv")
    assert folder == tmp_path / "order-service_cpu" / "1"
    assert (read.id, read.inject_time, read.times, read.calls) == (CASE.id, 110, CASE.times, CASE.calls)
    assert read.columns["order-service-db", "latency-90"] == (0.01, 0.02, 0.03, 0.04)
    assert [math.isnan(value) for value in read.columns["order-service", "cpu"]] == [False, True, False, False]


def test_the_newer_names_of_files_are_known(tmp_path: Path):
    """`simple_metrics.csv` is read too; a case that has both counts once, infinite values are missing points."""
    folder = tmp_path / "RE2" / "cart_mem" / "3"
    folder.mkdir(parents=True)
    (folder / "inject_time.txt").write_text("20\n")
    (folder / "simple_metrics.csv").write_text("time,cart_mem,time.1\n10,1,10\n20,inf,20\n")
    (folder / "data.csv").write_text("time,cart_mem\n10,1\n20,\n")
    (case,) = suite_in(tmp_path)
    assert (case.id, list(case.columns)) == ("cart_mem/3", [("cart", "mem")])
    simple = read_case(folder / "simple_metrics.csv")
    assert math.isnan(simple.columns["cart", "mem"][1])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.csv", "cart_cpu\n1\n"),
        ("data.csv", "time,cart_cpu\n1\n"),
        ("data.csv", "time,cart_cpu\n1,many\n"),
        ("data.csv", ""),
        ("inject_time.txt", "soon"),
        ("traces.csv", "span\n1\n"),
    ],
)
def test_what_is_no_case_is_named(tmp_path: Path, name: str, text: str):
    """A file that cannot be read is an error with its path, not a traceback or a case without columns."""
    folder = write_case(CASE, tmp_path)
    (folder / name).write_text(text)
    with pytest.raises(InvalidInput, match=name.replace(".", r"\.")):
        suite_in(tmp_path)


def test_a_folder_without_cases_is_refused(tmp_path: Path):
    """An empty suite is a mistake of the caller, not a perfect score."""
    with pytest.raises(InvalidInput, match="no cases"):
        suite_in(tmp_path)


def test_a_store_counts_as_its_service():
    """The benchmark scores services, and a store belongs to one."""
    assert (scored_name("order-db"), scored_name("order")) == ("order", "order")
