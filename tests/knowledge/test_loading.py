from pathlib import Path

import pytest

from domain.errors import InvalidInput
from knowledge.loading import FILE_LIMIT, load, read_pattern, read_runbook

PATTERN = "title: Cart falls over\ncause: bad_release\nalerts: [HighErrorRate]\n"


def test_a_runbook_says_when_it_applies():
    """Front matter gives id, title, alerts, services and causes; a single name may stand for a list of one."""
    text = (
        "---\nid: cart-down\ntitle: Cart is down\nalerts: CartDown\nservices: [cart]\ncauses: [oom_killed]\n---\nDo it."
    )
    runbook = read_runbook(text, "cart.md", "site")
    assert (runbook.id, runbook.alerts, runbook.services) == ("cart-down", ("CartDown",), ("cart",))
    assert (runbook.causes, runbook.body, runbook.source) == (("oom_killed",), "Do it.", "site/cart.md")


def test_a_plain_markdown_collection_works_as_it_is():
    """Without front matter, or with a site generator's, heading and file name say what the runbook is about."""
    runbook = read_runbook(
        "---\nweight: 20\n---\n# Kube Pod Crash Looping\n\nText", "kubernetes/KubePodCrashLooping.md"
    )
    assert runbook.id == "kubernetes-kubepodcrashlooping"
    assert (runbook.title, runbook.alerts) == ("Kube Pod Crash Looping", ("KubePodCrashLooping",))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.md", b"---\ntitle: x\nno end", "never ends"),
        ("a.md", b"---\ntitle: [x\n---\n", "not YAML"),
        ("a.md", b"---\n- a\n---\n", "mapping"),
        ("a.md", b"---\ncauses: [gremlins]\n---\n", "gremlins"),
        ("a.md", b"\xff\xfe\x00bad", "UTF-8"),
        ("a.md", b"x" * (FILE_LIMIT + 1), "larger"),
        ("a.yaml", b"title: x\n", "cause"),
        ("a.yaml", b"title: x\ncause: bad_release\ncolour: red\n", "colour"),
        ("a.yaml", b"title: x\ncause: bad_release\nremedies: [delete_everything]\n", "remedies"),
        ("a.yaml", b"title: x\ncause: bad_release\norigin: learned\n", "earned"),
        ("a.yaml", b"title: x\ncause: bad_release\nefficacy: {held: 99}\n", "earned"),
        ("a.yaml", b"!!python/object/apply:os.system [ls]\n", "not YAML"),
        ("a.yaml", b"[" * 5000, "YAML"),
    ],
)
def test_a_bad_document_is_named_and_skipped(tmp_path: Path, name: str, content: bytes, reason: str):
    """One bad file never hides the good ones, and its problem says which file and why."""
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.yaml").write_text(PATTERN)
    loaded = load(tmp_path, source="site", site=True)
    assert [pattern.id for pattern in loaded.patterns] == ["good"]
    (problem,) = loaded.problems
    assert (problem.source, problem.path) == ("site", name)
    assert reason in problem.reason


def test_a_missing_folder_is_a_problem(tmp_path: Path):
    """A source that is not there is reported, not raised."""
    loaded = load(tmp_path / "gone", source="site", site=True)
    assert loaded.problems[0].reason == "no such folder"


def test_an_id_used_twice_in_a_folder_is_a_problem(tmp_path: Path):
    """The first document keeps the id; the second is named."""
    (tmp_path / "a.yaml").write_text(f"id: same\n{PATTERN}")
    (tmp_path / "b.yaml").write_text(f"id: same\n{PATTERN}")
    loaded = load(tmp_path, source="site", site=True)
    assert len(loaded.patterns) == 1
    assert loaded.problems[0].path == "b.yaml"


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path):
    """A link in a checkout cannot make another file of this machine a document."""
    outside = tmp_path / "secret.md"
    outside.write_text("# secret")
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "leak.md").symlink_to(outside)
    loaded = load(folder, source="site", site=True)
    assert loaded.runbooks == ()
    assert "link" in loaded.problems[0].reason


def test_nobody_can_write_down_that_a_pattern_worked():
    """Files cannot claim experience: it is what lets a pattern skip the investigation."""
    with pytest.raises(InvalidInput, match="earned"):
        read_pattern(PATTERN + "efficacy: {held: 3}\n", "p.yaml", "site")
    assert read_pattern(PATTERN, "p.yaml", "site").efficacy.held == 0
