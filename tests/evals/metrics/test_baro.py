import json
from pathlib import Path

from evals.metrics import baro
from evals.metrics.generator import cases
from evals.metrics.layout import Case, suite_in, write_case

RECORDED = Path(__file__).with_name("fse_baro_ranks.json")
"""What `fse-baro` 0.2.2 answered for three cases of seed 7: all columns, best first (`evals.metrics.original`)."""


def test_the_ranks_are_those_of_the_authors_package(tmp_path: Path):
    """Every one of the columns is at the place where the package puts it, on the same files."""
    recorded = json.loads(RECORDED.read_text())
    for case in cases(22, 7):
        if case.id in recorded:
            write_case(case, tmp_path)
    found = {case.id: baro.metric_ranks(case, case.inject_time) for case in suite_in(tmp_path)}
    assert {name: ["_".join(rank) for rank in ranks] for name, ranks in found.items()} == recorded


def test_a_side_without_variation_is_no_evidence():
    """A metric that is constant before or after is left out, whatever it does on the other side."""
    columns = {
        ("a", "cpu"): (1.0, 1.0, 5.0, 6.0),
        ("b", "cpu"): (1.0, 2.0, 6.0, 6.0),
        ("c", "cpu"): (1.0, 2.0, 3.0, 4.0),
        ("d", "latency-50"): (1.0, 2.0, 30.0, 40.0),
    }
    case = Case("c", "cpu", "1", inject_time=20, times=(0, 10, 20, 30), columns=columns)
    assert baro.metric_ranks(case, 20) == [("c", "cpu")]
