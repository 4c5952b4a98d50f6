import json
from pathlib import Path

import pytest

from lab.proof import report


def test_sections_add_up_to_one_report_in_two_forms(tmp_path: Path) -> None:
    """JSON for programs and Markdown for people; a suite that runs again replaces its own section only."""
    report.add("Drift", [{"kind": "spec", "changes": 10, "writes": 1}], form="short", folder=tmp_path)
    report.add("Scale out", [{"incidents": 40, "seconds": 12.345, "lost": None}], folder=tmp_path)
    report.add("Drift", [{"kind": "spec", "changes": 10, "writes": 0}], form="short", folder=tmp_path)
    data = json.loads((tmp_path / "lab-report.json").read_text())
    assert [(section["title"], section["rows"]) for section in data] == [
        ("Drift", [{"kind": "spec", "changes": 10, "writes": 0}]),
        ("Scale out", [{"incidents": 40, "seconds": 12.345, "lost": None}]),
    ]
    text = (tmp_path / "lab-report.md").read_text()
    assert "| spec | 10 | 0 |" in text
    assert "| 40 | 12.35 |  |" in text
    assert "short form, " in text
    assert "cores of" in text.splitlines()[2]


def test_rows_are_a_table(tmp_path: Path) -> None:
    """Rows of other columns, and no rows at all, are a mistake of the suite."""
    with pytest.raises(ValueError, match="expected rows of the same columns"):
        report.add("Drift", [{"a": 1}, {"b": 1}], folder=tmp_path)
    with pytest.raises(ValueError, match="expected rows"):
        report.add("Drift", [], folder=tmp_path)


def test_text_stays_inside_of_its_cell(tmp_path: Path) -> None:
    """What a row says cannot make another column."""
    report.add("Odd", [{"said": "a | b\nc", "held": True}], folder=tmp_path)
    assert "| a \\| b c | yes |" in (tmp_path / "lab-report.md").read_text()
