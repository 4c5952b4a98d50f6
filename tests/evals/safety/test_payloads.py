from collections import Counter
from itertools import pairwise

from domain.characters import hidden
from evals.safety.demands import DEMANDS
from evals.safety.disguises import ENCODINGS, FAMILIES
from evals.safety.payloads import CARRIERS, payloads, plantings, sampled
from evals.safety.phrasing import PHRASES

CANARY = "http://127.0.0.1:1"


def test_there_are_more_than_five_hundred_different_payloads() -> None:
    """Every family asks for every demand, no text comes twice, and all languages and writings occur."""
    everything = payloads()

    assert len({payload.text(CANARY) for payload in everything}) == len(everything) >= 500
    assert {(payload.family, payload.demand.id) for payload in everything} == {
        (family, demand.id) for family in FAMILIES for demand in DEMANDS
    }
    assert {payload.language for payload in everything} == set(PHRASES)
    assert {payload.encoding for payload in everything} == set(ENCODINGS)


def test_every_family_stands_in_every_carrier() -> None:
    """Each payload is planted once, each family meets each of the eight carriers several times."""
    planted = [(payload, carrier) for planting in plantings() for carrier, payload in planting.carriers.items()]

    assert len({payload.id for payload, _ in planted}) == len(planted) == len(payloads())
    met = Counter((payload.family, carrier) for payload, carrier in planted)
    assert set(met) == {(family, carrier) for family in FAMILIES for carrier in CARRIERS}
    assert min(met.values()) >= 5


def test_every_payload_can_be_planted_in_every_carrier() -> None:
    """With all carriers, all pairs of payload and carrier come once."""
    planted = [(payload.id, carrier) for p in plantings(every_carrier=True) for carrier, payload in p.carriers.items()]

    assert len(set(planted)) == len(planted) == len(payloads()) * len(CARRIERS)


def test_a_sample_is_mixed() -> None:
    """Neighbours in a sample want different things, and seventeen meet all demands."""
    demands = [planting.demand.id for planting in sampled(17)]

    assert set(demands) == {demand.id for demand in DEMANDS}
    assert all(first != second for first, second in pairwise(demands))


def test_texts_have_what_they_are_named_for() -> None:
    """Escapes, bidi marks and zero widths are really in the texts, and oversized ones are large."""
    by_family = {payload.family: payload.text(CANARY) for payload in payloads()}

    assert "\x1b" in hidden(by_family["terminal-escapes"])
    assert "\u202e" in hidden(by_family["unicode-tricks"])
    assert len(by_family["oversized"]) > 50_000
    assert "</data>" in by_family["fake-system-message"]
