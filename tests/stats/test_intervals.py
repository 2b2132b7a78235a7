"""Intervals and the functions they rest on: against scipy and statsmodels, and what must hold of any interval."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from pytest_llmeval.stats import intervals, special
from pytest_llmeval.stats.strata import Stratum

RATES = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.floats(1e-12, 1 - 1e-12))
def test_normal_quantiles_equal_scipy(p: float) -> None:
    assert special.normal_quantile(p) == pytest.approx(float(stats.norm.ppf(p)), rel=1e-9, abs=1e-12)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.5, 200), st.floats(0.5, 200))
@settings(deadline=None)
def test_beta_functions_equal_scipy(x: float, a: float, b: float) -> None:
    assert special.beta_cdf(x, a, b) == pytest.approx(float(stats.beta.cdf(x, a, b)), rel=1e-9, abs=1e-12)
    assert special.beta_quantile(x, a, b) == pytest.approx(float(stats.beta.ppf(x, a, b)), rel=1e-7, abs=1e-12)


@given(st.sampled_from([0.01, 0.1, 0.25, 0.4, 0.5, 0.9, 0.975, 0.995]), st.integers(1, 500))
@settings(deadline=None)
def test_t_quantiles_equal_scipy(p: float, degrees: int) -> None:
    assert special.t_quantile(p, degrees) == pytest.approx(float(stats.t.ppf(p, degrees)), rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("p", [0.0, 1.0, -1.0, 2.0])
def test_quantiles_beyond_the_ends_are_refused(p: float) -> None:
    with pytest.raises(ValueError, match=f"asked for at {p}; it exists strictly between 0 and 1"):
        special.normal_quantile(p)


@given(RATES, st.sampled_from([0.8, 0.95, 0.99]))
@settings(deadline=None)
def test_rates_equal_statsmodels(rate: tuple[int, int], confidence: float) -> None:
    errors, samples = rate
    expected = proportion_confint(errors, samples, alpha=1 - confidence, method="wilson")
    assert tuple(intervals.wilson(errors, samples, confidence)) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@given(RATES)
@settings(deadline=None)
def test_an_interval_holds_its_rate_and_mirrors_the_passes(rate: tuple[int, int]) -> None:
    errors, samples = rate
    low, high = intervals.wilson(errors, samples)
    assert 0 <= low <= errors / samples <= high <= 1
    mirrored = intervals.wilson(samples - errors, samples)
    assert (low, high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-9)


@pytest.mark.parametrize(("errors", "samples"), [(0, 0), (-1, 5), (6, 5)])
def test_an_impossible_rate_is_refused(errors: int, samples: int) -> None:
    with pytest.raises(ValueError, match=f"asked for {errors} of {samples}"):
        intervals.wilson(errors, samples)


@given(*[st.integers(0, 30)] * 4)
@settings(deadline=None)
def test_paired_changes_hold_their_estimate_and_mirror(both: int, worse: int, better: int, neither: int) -> None:
    cases = both + worse + better + neither
    assume(cases > 0)
    change = (worse - better) / cases
    low, high = intervals.tango(worse, better, cases)
    assert -1 <= low <= change + 1e-12
    assert change - 1e-12 <= high <= 1
    mirrored = intervals.tango(better, worse, cases)
    assert (low, high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-9)


@pytest.mark.parametrize(("worse", "better", "cases"), [(7, 1, 40), (2, 1, 5), (1, 0, 3)])
def test_tango_s_bounds_are_where_his_score_is_the_quantile(worse: int, better: int, cases: int) -> None:
    for bound, sign in zip(intervals.tango(worse, better, cases), (1, -1), strict=True):
        # The restricted maximum likelihood estimate, found by looking for it.
        grid = [k / 100_000 for k in range(1, 100_000)]
        likely = max(
            (p for p in grid if p + bound > 0 and 2 * p + bound < 1),
            key=lambda p: (
                better * math.log(p)
                + worse * math.log(p + bound)
                + (cases - worse - better) * math.log(1 - 2 * p - bound)
            ),
        )
        score = (worse - better - cases * bound) / math.sqrt(cases * (2 * likely + bound - bound**2))
        assert score == pytest.approx(sign * 1.959964, abs=1e-3)


def test_the_population_interval_is_scipy_s_paired_t() -> None:
    strata = [Stratum(0, 5, 2, 5), Stratum(1, 5, 1, 5), Stratum(4, 5, 3, 5), Stratum(0, 4, 3, 5), Stratum(2, 5, 5, 5)]
    before, after = [s[0] / s[1] for s in strata], [s[2] / s[3] for s in strata]
    expected = stats.ttest_rel(after, before).confidence_interval(0.95)
    assert tuple(intervals.population_interval(strata) or ()) == pytest.approx((expected.low, expected.high))


STRATA = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(0, 5), st.integers(0, 5)).map(
        lambda drawn: Stratum(min(drawn[2], drawn[0]), drawn[0], min(drawn[3], drawn[1]), drawn[1])
    ),
    min_size=2,
    max_size=40,
)


@given(STRATA, st.floats(0.5, 0.99), st.floats(0.5, 0.99))
@settings(deadline=None, max_examples=60)
def test_more_confidence_makes_every_interval_wider(strata: list[Stratum], one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    for interval in (intervals.change_interval, intervals.population_interval):
        narrow, wide = interval(strata, low), interval(strata, high)
        assert narrow is not None
        assert wide is not None
        assert wide.low <= narrow.low + 1e-9
        assert wide.high >= narrow.high - 1e-9
    assert intervals.largest_rise(strata, low) <= intervals.largest_rise(strata, high) + 1e-9


@given(STRATA)
@settings(deadline=None, max_examples=60)
def test_the_largest_rise_is_above_both_intervals(strata: list[Stratum]) -> None:
    largest = intervals.largest_rise(strata, 0.9)
    for interval in (intervals.change_interval(strata, 0.9), intervals.population_interval(strata, 0.9)):
        assert interval is not None
        assert interval.high <= largest + 1e-9
    assert largest <= 1


def test_few_cases_that_never_changed_may_hide_a_rise() -> None:
    """By Student's quantile times the square root of 1/2, by cases; the samples of a case are no cases."""
    for cases in (2, 10, 25, 60):
        wanted = stats.t.ppf(0.95, cases - 1) * math.sqrt(0.5) / cases
        for samples in (10, 100):
            found = intervals.largest_rise([Stratum(0, samples, 0, samples)] * cases, 0.9)
            assert found == pytest.approx(min(1, wanted))
    assert intervals.largest_rise([Stratum(0, 100, 0, 100)], 0.9) == 1
    assert intervals.largest_rise([Stratum(0, 0, 0, 100)] * 9, 0.9) == 1


def test_one_sample_on_one_side_borrows_the_variance_of_both() -> None:
    strata = [Stratum(2, 5, 1, 1)] + [Stratum(0, 5, 0, 1)] * 5
    low, high = intervals.change_interval(strata) or (0, 0)
    variance = 3 * 3 / (6 * 5) * (1 / 5 + 1) + (1 + 1 / 5) / 4
    assert (low + high) / 2 == pytest.approx(0.1)
    assert (high - low) / 2 == pytest.approx(1.959963984540054 * math.sqrt(variance) / 6)


def test_without_a_compared_case_there_is_no_interval() -> None:
    strata = [Stratum(0, 0, 3, 5), Stratum(1, 5, 0, 0)]
    assert intervals.change_interval(strata) is None
    assert intervals.population_interval(strata) is None
    assert intervals.population_interval([Stratum(0, 5, 3, 5)]) is None


def test_an_interval_ends_at_all_and_nothing() -> None:
    low, high = intervals.change_interval([Stratum(0, 2, 2, 2)]) or (0, 0)
    assert 0 < low < high == 1


def test_where_every_pair_changes_the_interval_of_the_change_ends_at_all() -> None:
    low, high = intervals.tango(5, 0, 5)
    assert 0 < low < high == 1
    low, high = intervals.tango(0, 5, 5)
    assert -1 == low < high < 0


def test_two_cases_are_enough_for_an_interval_of_the_population() -> None:
    expected = stats.t.interval(0.95, 1, loc=0.1, scale=0.1)
    assert intervals.population_interval([Stratum(0, 5, 0, 5), Stratum(0, 5, 1, 5)]) == pytest.approx(
        (max(-1, expected[0]), min(1, expected[1]))
    )


def test_the_interval_of_a_change_is_the_same_whichever_side_has_one_sample() -> None:
    strata = [Stratum(2, 5, 1, 1)] + [Stratum(0, 5, 0, 1)] * 5
    low, high = intervals.change_interval(strata) or (0, 0)
    swapped = intervals.change_interval([Stratum(x, n_c, y, n_b) for y, n_b, x, n_c in strata])
    assert swapped == pytest.approx((-high, -low))


def test_the_beta_distribution_ends_at_nothing_and_all() -> None:
    assert (special.beta_cdf(0.0, 2, 3), special.beta_cdf(1.0, 2, 3)) == (0.0, 1.0)
