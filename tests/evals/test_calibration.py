"""Calibration, and what is fitted without a service's cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.calibration import Prediction, calibration_of, equal_mass, equal_width, error_of
from evals.holdout import fitted, leave_one_out


def said(confidence: float, right: bool, group: str = "") -> Prediction:
    return Prediction(confidence=confidence, right=right, group=group)


predictions = st.lists(st.builds(said, st.floats(0, 1), st.booleans(), st.sampled_from("abc")), min_size=1)


def test_error_is_the_gap_between_what_is_said_and_what_is_right():
    """Three of four right at .75 is perfect, one wrong at .9 is .9 off; bins weigh by what is in them."""
    assert error_of(equal_width([said(0.75, True)] * 3 + [said(0.75, False)])) == pytest.approx(0.0)
    assert error_of(equal_width([said(0.9, False)])) == pytest.approx(0.9)
    assert error_of(equal_width([said(0.9, False)] + [said(1.0, True)] * 3)) == pytest.approx(1.0 * 3.9 / 4 - 0.75)
    assert error_of(equal_width([said(0.1, True), said(0.9, True)])) == pytest.approx(0.5)
    assert error_of([]) == 0.0


@given(predictions)
def test_bins_hold_every_prediction_once(found: list[Prediction]):
    """Whatever the confidences are, by width and by mass; the error stays between 0 and 1."""
    for bins in (equal_width(found), equal_mass(found)):
        assert sum(item.count for item in bins) == len(found)
        assert 0.0 <= error_of(bins) <= 1.0


def test_equal_confidences_share_a_bin_of_equal_mass():
    """An edge between equal predictions would make bins of nothing but chance."""
    bins = equal_mass([said(0.9, True)] * 50 + [said(0.5, False)] * 2)
    assert [(item.count, item.accuracy) for item in bins] == [(52, pytest.approx(50 / 52))] or len(bins) == 2


def test_risk_is_told_for_every_coverage():
    """From the surest alone to all; those that abstained are never covered."""
    curve = calibration_of([said(0.9, True), said(0.9, True), said(0.5, False)], abstained=1).risk_coverage
    assert [(point.threshold, point.coverage, point.risk) for point in curve] == [(0.9, 0.5, 0.0), (0.5, 0.75, 1 / 3)]


@given(predictions)
def test_the_fitted_map_is_monotone(found: list[Prediction]):
    """More stated confidence is never worth less."""
    fit = fitted(found)
    worths = [fit.worth(place / 20) for place in range(21)]
    assert worths == sorted(worths)


def test_a_service_is_judged_by_a_fit_that_never_saw_it():
    """Where all others are right at .5 and its own cases are wrong, the fit is confident about it, and so wrong."""
    others = [said(0.5, True, "a")] * 20 + [said(0.5, True, "b")] * 20
    held = leave_one_out([*others, *[said(0.5, False, "c")] * 10])
    (odd,) = [item for item in held.groups if item.group == "c"]
    assert (odd.cases, odd.right) == (10, 0)
    assert held.in_sample_right == pytest.approx(0.8)
    assert held.ece_left_out > 0.1


def test_the_threshold_silences_what_is_wrong_more_often_than_not():
    """Guesses of the others at .3 are wrong: held-out guesses at .3 are kept silent, right or not."""
    others = [said(0.3, False, "a")] * 10 + [said(0.9, True, "a")] * 10
    held = leave_one_out([*others, said(0.3, True, "b"), said(0.9, True, "b")])
    (mine,) = [item for item in held.groups if item.group == "b"]
    assert (mine.right, mine.answered, mine.right_answered) == (2, 1, 1)
