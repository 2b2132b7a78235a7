"""Figures averaged over cases, and their intervals."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_llmeval.stats.intervals import wilson
from pytest_llmeval.stats.means import mean_over_cases, share_over_cases

COUNTS = st.lists(st.integers(1, 8).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1)


def test_a_mean_has_students_interval() -> None:
    values = [0.2, 0.5, 0.1, 0.9, 0.4]
    mean = mean_over_cases(values)
    low, high = stats.t.interval(0.95, 4, loc=0.42, scale=stats.sem(values))
    assert mean is not None
    assert tuple(mean) == pytest.approx((0.42, low, high, 5))


def test_one_case_tells_a_value_and_nothing_about_its_error() -> None:
    assert mean_over_cases([0.3]) == (0.3, -math.inf, math.inf, 1)
    assert mean_over_cases([]) is None


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_with_one_sample_per_case_a_share_is_wilsons(passed: list[bool]) -> None:
    share = share_over_cases([(int(each), 1) for each in passed])
    expected = wilson(sum(passed), len(passed))
    assert share is not None
    assert (share.low, share.high) == pytest.approx(tuple(expected))
    assert (share.number, share.samples, share.cases) == (sum(passed), len(passed), len(passed))


@given(COUNTS)
def test_a_share_lies_in_its_interval_and_both_are_shares(counts: list[tuple[int, int]]) -> None:
    share = share_over_cases(counts)
    assert share is not None
    assert 0 <= share.low <= share.value + 1e-12
    assert share.value - 1e-12 <= share.high <= 1


def test_samples_that_copy_each_other_tell_no_more_than_one() -> None:
    once = share_over_cases([(1, 1)] * 10 + [(0, 1)] * 30)
    copied = share_over_cases([(5, 5)] * 10 + [(0, 5)] * 30)
    assert once is not None
    assert copied is not None
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high), abs=0.001)


def test_samples_that_differ_within_cases_tell_more() -> None:
    once = share_over_cases([(1, 1)] * 20 + [(0, 1)] * 20)
    alike = share_over_cases([(2, 4)] * 40)
    assert once is not None
    assert alike is not None
    assert alike.high - alike.low < 0.6 * (once.high - once.low)


def test_nothing_has_no_share_and_cases_without_samples_are_left_out() -> None:
    assert share_over_cases([]) is None
    assert share_over_cases([(0, 0)]) is None
    assert share_over_cases([(0, 0), (1, 2)]) == share_over_cases([(1, 2)])


def test_an_impossible_count_is_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2 samples"):
        share_over_cases([(3, 2)])


def test_the_interval_of_a_share_covers_about_as_often_as_it_says() -> None:
    rng = random.Random(4)
    covered = 0
    for _ in range(400):
        rates = [rng.betavariate(0.15, 0.6) for _ in range(60)]
        share = share_over_cases([(sum(rng.random() < rate for _ in range(5)), 5) for rate in rates])
        assert share is not None
        covered += share.low <= 0.2 <= share.high
    assert 0.92 <= covered / 400 <= 0.98


def test_two_cases_of_two_samples_that_differ_count_as_three_samples() -> None:
    """The shares 1/2 and 1 have a mean of 3/4 with a variance of 1/16, as 3 independent samples would have."""
    z = 1.959963984540054
    centre, half = 0.75 * 3 + z * z / 2, z * math.sqrt(3 * 0.75 * 0.25 + z * z / 4)
    share = share_over_cases([(1, 2), (2, 2)])
    assert share is not None
    assert (share.low, share.high) == pytest.approx(((centre - half) / (3 + z * z), (centre + half) / (3 + z * z)))


def test_cases_that_are_all_alike_tell_no_more_than_as_many_samples() -> None:
    for count in (0, 5):
        alike, once = share_over_cases([(count, 5)] * 8), share_over_cases([(count // 5, 1)] * 8)
        assert alike is not None
        assert once is not None
        assert (alike.value, alike.low, alike.high) == (once.value, once.low, once.high)
