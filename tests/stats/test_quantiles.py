"""Percentiles: ranks that cover, and "too few" where they cannot."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pytest_llmeval.stats.quantiles import fewest_values, interval_ranks, percentile

SHARES = st.sampled_from([0.5, 0.9, 0.95, 0.99])


@given(st.integers(1, 3000), SHARES)
@settings(deadline=None, max_examples=60)
def test_ranks_are_the_tightest_that_leave_a_fortieth_outside_each(values: int, share: float) -> None:
    low, high = interval_ranks(values, share)
    law = stats.binom(values, share)
    lows = [rank for rank in range(1, values + 1) if law.cdf(rank - 1) <= 0.025] if values < 300 else None
    if lows is not None:
        assert low == (lows[-1] if lows else None)
    elif low is not None:
        assert law.cdf(low - 1) <= 0.025 + 1e-9
        assert law.cdf(low) > 0.025 - 1e-9
    if high is not None:
        assert law.cdf(high - 1) >= 0.975 - 1e-9
        assert law.cdf(high - 2) < 0.975 + 1e-9
    else:
        assert law.cdf(values - 1) < 0.975 + 1e-9


@given(SHARES)
def test_the_fewest_values_are_the_first_with_both_ranks(share: float) -> None:
    fewest = fewest_values(share)
    assert None not in interval_ranks(fewest, share)
    assert None in interval_ranks(fewest - 1, share)


def test_the_numbers_people_should_know() -> None:
    assert [fewest_values(share) for share in (0.5, 0.95, 0.99)] == [6, 72, 368]


def test_a_percentile_is_a_measured_value_with_measured_bounds() -> None:
    measured = [[float(value)] for value in range(100, 0, -1)]
    p50 = percentile(measured, 0.5)
    assert (p50.value, p50.low, p50.high, p50.values, p50.cases) == (50, 40, 61, 100, 100)
    assert percentile(measured, 0.95).value == 95


def test_too_few_cases_say_so_instead_of_a_number() -> None:
    p95 = percentile([[0.1]] * 71, 0.95)
    assert (p95.value, p95.low, p95.high, p95.cases, p95.needed) == (None, None, None, 71, 72)


def test_samples_of_one_case_do_not_count_as_cases() -> None:
    p95 = percentile([[0.1, 0.2, 0.3, 0.4, 0.5]] * 50 + [[]] * 100, 0.95)
    assert (p95.value, p95.values, p95.cases) == (None, 250, 50)


def test_copies_within_cases_do_not_narrow_the_interval() -> None:
    single = [[float(value)] for value in range(1, 401)]
    once, copied = percentile(single, 0.5), percentile([case * 10 for case in single], 0.5)
    assert once.low is not None
    assert once.high is not None
    assert copied.low is not None
    assert copied.high is not None
    assert copied.value == once.value
    assert copied.high - copied.low == pytest.approx(once.high - once.low, abs=3)


@given(st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=3), min_size=6, max_size=60), st.randoms())
@settings(deadline=None)
def test_bounds_enclose_the_value_whatever_the_order(cases: list[list[float]], random: object) -> None:
    p50 = percentile(cases, 0.5)
    assert p50.value is not None
    assert p50.low is None or p50.low <= p50.value
    assert p50.high is None or p50.value <= p50.high
    random.shuffle(cases)  # type: ignore[attr-defined]
    assert percentile(cases, 0.5) == p50


@pytest.mark.parametrize("share", [0.0, 1.0, 95.0])
def test_a_share_beyond_the_ends_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        percentile([[1.0]], share)


def test_where_two_cases_have_nearly_all_values_the_percentile_has_no_bounds() -> None:
    p50 = percentile([[1.0] * 50, [2.0] * 50, *[[1.5]] * 4], 0.5)
    assert (p50.value, p50.low, p50.high) == (1.5, None, None)
