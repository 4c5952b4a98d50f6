import pytest

from domain.evidence import Citation, Claim, Evidence, Observation, unsupported
from tests.domain.factories import NOW

SEEN = Evidence(
    id="e-1",
    kind="metric",
    source="prometheus",
    query="error_ratio",
    summary="",
    digest="d",
    observations=(
        Observation(key="checkout error_ratio", value=0.3512),
        Observation(key="line 3", value="dial tcp: lookup inventry: no such host"),
    ),
    collected_at=NOW,
)
EVIDENCE = {"e-1": SEEN}
RATIO = Citation(evidence="e-1", key="checkout error_ratio", value=0.3512)


@pytest.mark.parametrize(
    ("text", "citations"),
    [
        ("errors rose to 35.12 %", (RATIO,)),
        ("errors rose to 35 %", (RATIO,)),
        ("the error ratio is 0.35", (RATIO,)),
        (
            "it cannot resolve inventry",
            (Citation(evidence="e-1", key="line 3", value="lookup inventry: no such host"),),
        ),
    ],
)
def test_a_claim_that_repeats_what_was_seen_stands(text, citations):
    """Exact values, rounded values, percentages and quoted parts of lines are support."""
    assert unsupported(Claim(text=text, citations=citations), EVIDENCE) is None


@pytest.mark.parametrize(
    ("text", "citations", "reason"),
    [
        ("it is broken", (), "cites nothing"),
        ("errors", (Citation(evidence="e-2", key="x", value=1.0),), "nobody collected"),
        ("errors", (Citation(evidence="e-1", key="x", value=1.0),), "not in"),
        ("errors", (RATIO.model_copy(update={"value": 0.99}),), "has 0.3512"),
        ("errors rose to 92 %", (RATIO,), "says 92"),
        ("quoted", (Citation(evidence="e-1", key="line 3", value=" "),), "but"),
        ("quoted", (Citation(evidence="e-1", key="line 3", value="lookup inventory"),), "but"),
    ],
)
def test_a_claim_that_says_more_than_was_seen_falls(text, citations, reason):
    """Invented evidence, keys, values and numbers are each found."""
    assert reason in (unsupported(Claim(text=text, citations=citations), EVIDENCE) or "")
