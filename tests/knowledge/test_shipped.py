from pathlib import Path

import pytest

from domain.causes import CAUSES
from knowledge.sources import Collected, collect

SECTIONS = ("## What it means", "## How it shows", "## Confirm", "## What to do", "## Verify", "## Escalate")


@pytest.fixture
async def shipped(tmp_path: Path) -> Collected:
    return await collect((), tmp_path)


async def test_every_shipped_document_loads(shipped: Collected):
    """The starter set is sound and of useful size, and no id is used by both kinds."""
    assert shipped.problems == ()
    assert (len(shipped.runbooks) >= 25, len(shipped.patterns) >= 25) == (True, True)
    assert not {r.id for r in shipped.runbooks} & {p.id for p in shipped.patterns}


async def test_every_runbook_has_every_section(shipped: Collected):
    """What it means, how it shows, how to confirm, what to do, how to verify, when to escalate: in this order."""
    for runbook in shipped.runbooks:
        places = [runbook.body.find(section) for section in SECTIONS]
        assert -1 not in places, runbook.id
        assert places == sorted(places), runbook.id


async def test_every_cause_has_a_runbook(shipped: Collected):
    """Whatever cause a diagnosis names, there is a procedure for it."""
    assert set(CAUSES) == {cause for runbook in shipped.runbooks for cause in runbook.causes}


async def test_shipped_patterns_claim_no_experience(shipped: Collected):
    """A fresh installation trusts no pattern before it held there."""
    assert all(p.origin == "shipped" and p.efficacy.held == 0 for p in shipped.patterns)
