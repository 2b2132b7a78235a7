"""How many samples it takes, and what can be found at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.stats.evidence import evidence_test
from pytest_llmeval.stats.planning import (
    flaky_variance,
    samples_needed,
    samples_until_testable,
    smallest_detectable_rise,
)
from pytest_llmeval.stats.strata import Stratum

PLAIN_LINE = [Stratum(1, 1, 1, 1)] * 2 + [Stratum(0, 1, 1, 1)] * 7 + [Stratum(1, 1, 0, 1)] + [Stratum(0, 1, 0, 1)] * 30


def test_two_samples_would_settle_three_to_nine_of_forty_among_ten_categories() -> None:
    assert samples_needed(PLAIN_LINE, 0.005) == 2


def test_no_rise_needs_no_samples_and_has_no_number() -> None:
    assert samples_needed([Stratum(1, 5, 1, 5)], 0.05) is None
    assert samples_needed([Stratum(2, 5, 1, 5)], 0.05) is None
    assert samples_needed([Stratum(0, 0, 1, 5)], 0.05) is None


def test_a_baseline_that_is_too_small_is_never_enough() -> None:
    assert samples_needed([Stratum(1, 2, 2, 3)] + [Stratum(0, 2, 0, 3)] * 5, 0.005) is None


@given(st.lists(st.integers(0, 5).flatmap(lambda y: st.integers(y, 5).map(lambda x: Stratum(y, 5, x, 5))), min_size=1))
def test_a_stricter_level_never_needs_fewer(strata: list[Stratum]) -> None:
    loose, strict = samples_needed(strata, 0.05), samples_needed(strata, 0.005)
    assert strict is None or (loose is not None and loose <= strict)


def test_three_of_four_cases_become_testable_with_more_samples() -> None:
    strata = [Stratum(0, 1, 1, 1)] * 3 + [Stratum(0, 1, 0, 1)]
    assert evidence_test(strata).p_min > 0.05
    number = samples_until_testable(strata, 0.05)
    assert number is not None
    more = [Stratum(0, 1, number, number)] * 3
    assert evidence_test(more).p_min <= 0.05
    assert evidence_test([Stratum(0, 1, number - 1, number - 1)] * 3).p_min > 0.05


def test_what_nothing_can_test_has_no_number() -> None:
    assert samples_until_testable([Stratum(0, 1, 0, 1)], 0.05) is None
    assert samples_until_testable([Stratum(0, 1, 1, 1)], 1e-6) is None


def test_the_sentence_of_the_manual() -> None:
    """25 cases of 5 samples in 10 categories find about 15 points."""
    assert flaky_variance(0.2) == pytest.approx(0.0686, abs=1e-4)
    rise = smallest_detectable_rise(25, 5, 5, error_rate=0.2, level=0.005)
    assert rise == pytest.approx(0.15, abs=0.005)


@pytest.mark.parametrize(
    ("cases", "samples", "simulated"),
    [(25, (5, 5), 0.15), (25, (10, 10), 0.10), (80, (5, 5), 0.08), (40, (3, 3), 0.16), (25, (10, 3), 0.14)],
)
def test_the_formula_is_near_the_simulation(cases: int, samples: tuple[int, int], simulated: float) -> None:
    assert smallest_detectable_rise(cases, *samples, error_rate=0.2, level=0.005) == pytest.approx(simulated, abs=0.016)


@given(st.integers(2, 300), st.integers(1, 10), st.floats(0.01, 0.5))
@settings(deadline=None)
def test_more_cases_or_samples_find_no_less(cases: int, samples: int, rate: float) -> None:
    def found(cases: int, samples: int) -> float:
        rise = smallest_detectable_rise(cases, samples, samples, error_rate=rate, level=0.005)
        return 2.0 if rise is None else rise

    assert found(cases + 1, samples) <= found(cases, samples) + 1e-9
    assert found(cases, samples + 1) <= found(cases, samples) + 1e-9


def test_a_suite_can_be_too_small_for_any_rise() -> None:
    assert smallest_detectable_rise(1, 1, 1, error_rate=0.5, level=0.005, variance=0.25) is None


def test_impossible_plans_are_refused() -> None:
    for cases, samples, rate in ((0, 1, 0.1), (1, 0, 0.1), (1, 1, 1.0)):
        with pytest.raises(ValueError, match="smallest detectable rise was asked for"):
            smallest_detectable_rise(cases, samples, samples, error_rate=rate, level=0.05)


def test_more_samples_than_any_case_has_make_a_category_testable() -> None:
    few, many = Stratum(0, 1, 1, 1), Stratum(0, 1, 8, 8)
    assert samples_until_testable([few, many], 0.25) == 9
    assert samples_until_testable([few, few], 0.25) == 2


def test_a_single_case_becomes_testable_when_its_samples_alone_would_tell() -> None:
    """All of n failures fall to the candidate by one chance in n + 1."""
    assert samples_until_testable([Stratum(0, 1, 1, 1)], 0.25) == 3


def test_the_samples_needed_follow_from_the_variance_of_the_cases_that_fail() -> None:
    """A rise of 0.16 in ten cases, of which four fail at a rate of 2.5 / 11: 0.007025 / (0.002551 - 0.001405)."""
    assert samples_needed([Stratum(0, 5, 2, 5)] * 4 + [Stratum(0, 5, 0, 5)] * 6, 0.01) == 7
