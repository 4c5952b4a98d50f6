import math
from random import Random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics.faults import KINDS
from evals.metrics.generator import cases
from evals.metrics.layout import Case, Column
from evals.metrics.noise import gapped, rated, scraped
from evals.metrics.topology import ENTRY, grown

SHOWS = {"cpu": "cpu", "mem": "mem", "disk": "diskio", "socket": "socket"}
"""The metric of the service itself in which a fault must show."""


@pytest.fixture(scope="module")
def made() -> list[Case]:
    return list(cases(24, 5))


def halves(case: Case, column: Column) -> tuple[float, float]:
    """Medians before and after the injection."""
    rows = [(time, value) for time, value in zip(case.times, column, strict=True) if not math.isnan(value)]
    before = median(value for time, value in rows if time < case.inject_time)
    return before, median(value for time, value in rows if time >= case.inject_time)


def test_a_seed_says_it_all(made: list[Case]):
    """The same seed makes the same cases, value by value; another one makes others."""
    again, other = next(cases(1, 5)), next(cases(1, 6))
    assert repr(again.columns) == repr(made[0].columns)
    assert repr(other.columns) != repr(made[0].columns)


def test_every_kind_of_fault_comes_in_every_system(made: list[Case]):
    """A round has each kind once in each of the four sizes, ten minutes on either side."""
    assert {(case.fault, case.run.split("-")[0]) for case in made} == {
        (kind, size) for kind in KINDS for size in ("12", "27", "45", "64")
    }
    assert {(case.inject_time - case.times[0], case.times[-1] - case.inject_time) for case in made} == {(600, 595)}


def test_a_fault_shows_where_it_was_injected(made: list[Case]):
    """What a stress tool uses is seen in the service's own metric, and in no median other service's."""
    for case in made:
        if case.fault in SHOWS:
            metric = SHOWS[case.fault]
            growth = {
                service: after - before
                for (service, name), column in case.columns.items()
                if name == metric
                for before, after in [halves(case, column)]
            }
            assert growth[case.service] > 2 * abs(median(growth.values())), case.id


def test_who_waits_becomes_slow(made: list[Case]):
    """A slow network is felt by a caller that always calls, though nothing was injected into it."""
    felt = 0
    for case in made:
        if case.fault == "delay":
            callers = {caller for caller, called in case.calls if called == case.service}
            columns = [case.columns[name, "latency-90"] for name in callers if (name, "latency-90") in case.columns]
            felt += any(after > 1.3 * before for before, after in (halves(case, column) for column in columns))
    assert felt >= 3


def test_points_are_missing_here_and_there(made: list[Case]):
    """Some, not most: a scrape fails now and then."""
    values = [value for case in made for column in case.columns.values() for value in column]
    assert 0.002 < sum(map(math.isnan, values)) / len(values) < 0.2


@given(seed=st.integers(0, 10_000), size=st.integers(2, 64))
def test_all_of_a_system_can_be_reached(seed: int, size: int):
    """Whatever the seed, every service and store is called, by something before it, from the entry on."""
    system = grown(Random(seed), size)  # noqa: S311 - reproducible
    order = {unit.name: place for place, unit in enumerate(system.units)}
    assert system.units[0].name == ENTRY
    assert all(order[edge.caller] < order[edge.called] for edge in system.edges)
    assert all(visits > 0 for visits in system.visits.values())


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.integers(1, 12))
def test_a_rate_is_the_mean_of_what_its_window_saw(amounts: list[float], window: int):
    """As a rate over a counter: late and smooth, never outside of what was there."""
    rates = rated(amounts, window)
    last = amounts[-window:]
    assert rates[-1] == pytest.approx(sum(last) / len(last), rel=1e-6, abs=1e-3)
    assert all(-1e-3 <= rate <= max(amounts) + 1e-3 for rate in rates)


def test_scrapes_make_steps_and_gaps():
    """A value stays until the next scrape; a gap has no values at all."""
    assert scraped([1.0, 2.0, 3.0, 4.0, 5.0], 2, 0) == [1.0, 1.0, 3.0, 3.0, 5.0]
    rng = Random(1)  # noqa: S311 - reproducible
    assert 25 < sum(map(math.isnan, gapped(rng, [1.0] * 50, 1.0))) < 50
    assert gapped(rng, [1.0] * 50, 0.0) == [1.0] * 50
