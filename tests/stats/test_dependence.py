"""Whether the samples of a run repeat each other, seen from two runs or from texts."""

import random

import pytest
from scipy import stats

from pytest_llmeval.stats.dependence import Dispersion, dispersion
from pytest_llmeval.stats.strata import Stratum


def two_runs(source: random.Random, cases: int, samples: int, copied: bool) -> list[Stratum]:
    strata = []
    for _ in range(cases):
        chance = source.betavariate(0.15, 0.6)
        if copied:
            before, after = (samples * (source.random() < chance) for _ in range(2))
        else:
            before, after = (sum(source.random() < chance for _ in range(samples)) for _ in range(2))
        strata.append(Stratum(before, samples, after, samples))
    return strata


@pytest.mark.parametrize("samples", [3, 5, 10])
def test_complete_copies_have_a_phi_of_twice_the_samples_less_one(samples: int) -> None:
    measured = dispersion(two_runs(random.Random(1), 200, samples, copied=True))
    assert measured is not None
    assert measured.phi == pytest.approx(2 * samples - 1)
    assert measured.repeats


def test_independent_samples_have_a_phi_near_one() -> None:
    measured = dispersion(two_runs(random.Random(2), 2000, 5, copied=False))
    assert measured is not None
    assert measured.phi == pytest.approx(1, abs=0.15)
    assert not measured.repeats


def test_independent_samples_of_few_cases_are_taken_for_copies_in_one_suite_of_five() -> None:
    source = random.Random(3)
    found = [dispersion(two_runs(source, 20, 5, copied=False)) for _ in range(400)]
    assert 40 <= sum(one is not None and one.repeats for one in found) <= 100


def test_three_contradicting_cases_are_enough_to_see_copies() -> None:
    measured = dispersion([Stratum(0, 5, 5, 5), Stratum(5, 5, 0, 5), Stratum(0, 5, 5, 5)])
    assert measured == pytest.approx((9.0, 3))
    assert measured is not None
    assert measured.repeats


def test_a_high_phi_of_one_case_is_chance() -> None:
    assert not Dispersion(1.6, 1).repeats
    assert Dispersion(1.8, 100).repeats


def test_where_nothing_varies_nothing_is_known() -> None:
    assert dispersion([Stratum(0, 5, 0, 5), Stratum(5, 5, 5, 5), Stratum(0, 0, 1, 5)]) is None
    assert dispersion([]) is None


def test_runs_that_agree_more_than_chance_are_no_copies() -> None:
    measured = dispersion([Stratum(2, 5, 2, 5)] * 10)
    assert measured == (0.0, 10)
    assert not measured.repeats


@pytest.mark.parametrize(("phi", "repeats"), [(1.3, False), (1.4, True)])
def test_a_phi_counts_that_independent_samples_have_once_in_five(phi: float, repeats: bool) -> None:
    """For ten strata that is 1.34, the 80th percentile of chi-square divided by its degrees of freedom."""
    assert Dispersion(phi, 10).repeats is repeats
    assert Dispersion(phi, 10).chance == pytest.approx(float(stats.chi2.sf(10 * phi, 10)), abs=0.002)


def test_phi_is_the_squared_distance_from_what_was_expected_by_the_law_of_independent_samples() -> None:
    """Of 3 failures in 5 and 4 samples the second run expects 4/3, with a variance of 5 * 4 * 3 * 6 / (81 * 8)."""
    assert dispersion([Stratum(1, 5, 2, 4)]) == pytest.approx(((2 - 4 / 3) ** 2 / (360 / 648), 1))
