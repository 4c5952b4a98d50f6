from pathlib import Path

import pytest

from domain.learning import Efficacy, KnowledgeQuery, Pattern
from domain.objects import ObjectRef
from knowledge.index import HybridIndex
from knowledge.library import Knowledge, merged
from tests.knowledge.builders import NOW, MemoryBacklog, closed_item

QUERY = KnowledgeQuery(
    alerts=("CartErrorsHigh",),
    annotations={"summary": "cart fails 30% of its requests"},
    namespace="shop",
    service="cart",
    at=NOW,
)


def learned(**changes: object) -> Pattern:
    values = {
        "id": "learned-bad-release-cart",
        "title": "A new version of the workload brought the fault (deployment/cart)",
        "origin": "learned",
        "cause": "bad_release",
        "object": ObjectRef(kind="deployment", name="cart", namespace="shop"),
        "alerts": ("CartErrorsHigh",),
        "symptoms": ("cart fails 28% of its requests",),
        "remedies": ("undo_rollout",),
        "efficacy": Efficacy(held=1),
    }
    return Pattern.model_validate({**values, **changes})


async def test_a_recorded_incident_is_known_the_next_time(knowledge: Knowledge):
    """What was learned from one incident is found, and trusted, when the same alert comes back."""
    assert (await knowledge.lookup(QUERY)).known is None
    await knowledge.record(closed_item(1), learned())
    lookup = await knowledge.lookup(QUERY)
    assert lookup.known is not None
    assert lookup.known.pattern == learned()
    assert lookup.matches[0].doc_id == "learned-bad-release-cart"
    assert ("incident", "inc-1") in {(match.kind, match.doc_id) for match in lookup.matches}


async def test_patterns_come_first_and_each_document_once(knowledge: Knowledge):
    """A lookup's matches: patterns, then the rest, no document twice."""
    await knowledge.record(closed_item(1), learned())
    matches = (await knowledge.lookup(QUERY)).matches
    kinds = [match.kind for match in matches]
    assert "pattern" not in kinds[kinds.count("pattern") :]
    assert len({(match.kind, match.doc_id) for match in matches}) == len(matches)


@pytest.mark.parametrize(
    "pattern",
    [
        learned(object=ObjectRef(kind="deployment", name="payment", namespace="shop")),
        learned(object=ObjectRef(kind="deployment", name="cart", namespace="staging")),
        learned(origin="site", efficacy=Efficacy()),
        learned(efficacy=Efficacy(held=1, failed=2)),
        learned(alerts=("CartSlow",)),
        learned(alerts=("RaidDegraded",), symptoms=("the array lost a drive",), title="Drive lost"),
    ],
    ids=[
        "another service",
        "another namespace",
        "never carried out",
        "failed more than held",
        "another alert",
        "another failure",
    ],
)
async def test_what_may_not_skip_the_investigation(knowledge: Knowledge, pattern: Pattern):
    """A pattern about something else, untried, or refuted by experience is shown but never `known`."""
    await knowledge.record(closed_item(1), pattern)
    assert (await knowledge.lookup(QUERY)).known is None


async def test_a_pattern_about_no_one_object_fits_any_service(knowledge: Knowledge):
    """A general pattern that held once may be known for whatever service alerts."""
    general = learned(id="general", origin="site", object=None, efficacy=Efficacy(held=1))
    await knowledge.record(closed_item(1), general)
    known = (await knowledge.lookup(QUERY)).known
    assert known is not None
    assert known.doc_id == "general"


async def test_recording_twice_keeps_one(knowledge: Knowledge, backlog: MemoryBacklog):
    """A repeated delivery of the same incident changes nothing."""
    for _ in range(2):
        await knowledge.record(closed_item(1), learned())
    matches = (await knowledge.lookup(QUERY)).matches
    assert sum(match.doc_id == "inc-1" for match in matches) == 1
    assert (len(backlog.saved_items), len(backlog.saved_patterns)) == (1, 1)


async def test_the_backlog_is_indexed_after_a_restart(tmp_path: Path, backlog: MemoryBacklog, index: HybridIndex):
    """Everything in the database is findable after a refresh, also with an index built from nothing."""
    await backlog.save_item(closed_item(1))
    await backlog.save_pattern(learned())
    knowledge = Knowledge(index, backlog, checkouts=tmp_path)
    refreshed = await knowledge.refresh()
    assert refreshed.incidents == 1
    assert (await knowledge.lookup(QUERY)).known is not None


async def test_site_documents_replace_shipped_ones(tmp_path: Path, backlog: MemoryBacklog, index: HybridIndex):
    """A site's runbook of a shipped id wins, its problems are listed, and the rest still loads."""
    (tmp_path / "crash-loop.md").write_text("# Our own way\nCall Ada.")
    (tmp_path / "broken.yaml").write_text("title: no cause")
    knowledge = Knowledge(index, backlog, (str(tmp_path),), checkouts=tmp_path / "checkouts")
    refreshed = await knowledge.refresh()
    assert [problem.path for problem in refreshed.problems] == ["broken.yaml"]
    (match, *_) = await knowledge.runbooks.search(KnowledgeQuery(text="our own way, call Ada"))
    assert (match.doc_id, match.title) == ("crash-loop", "Our own way")


def test_a_written_pattern_keeps_its_words_and_earns_its_efficacy():
    """An edited file takes effect although an older copy with experience is saved; experience stays."""
    old = learned(id="p", origin="site", title="Old words", efficacy=Efficacy(held=2))
    new = learned(id="p", origin="site", title="New words", efficacy=Efficacy())
    (pattern,) = merged((new,), (old,))
    assert (pattern.title, pattern.efficacy.held) == ("New words", 2)


def test_a_pattern_whose_file_is_gone_is_gone():
    """Only learned patterns live in the database alone."""
    kept = merged((), (learned(), learned(id="site-pattern", origin="site")))
    assert [pattern.origin for pattern in kept] == ["learned"]
