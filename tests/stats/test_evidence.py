"""The exact test of one category: against brute force, against scipy and statsmodels, and its symmetries."""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from pytest_llmeval.stats.evidence import case_score, evidence_test, fewest, score_law, scores
from pytest_llmeval.stats.sign_flip import sign_flip_test
from pytest_llmeval.stats.strata import Stratum, by_family


@st.composite
def stratum(draw: st.DrawFn, most: int = 6) -> Stratum:
    n_baseline, n_candidate = draw(st.integers(0, most)), draw(st.integers(0, most))
    return Stratum(draw(st.integers(0, n_baseline)), n_baseline, draw(st.integers(0, n_candidate)), n_candidate)


def swapped(strata: Sequence[Stratum]) -> list[Stratum]:
    return [stratum.swapped for stratum in strata]


def enumerated(strata: Sequence[Stratum], statistic: Callable[[Stratum], float]) -> tuple[float, float]:
    """The chance of a sum of statistics this high, and this low, over every way the failures could have fallen."""
    ways: list[list[tuple[float, float]]] = []
    for y, n_b, x, n_c in strata:
        failures = x + y
        law = stats.hypergeom(n_b + n_c, failures, n_c)
        counts = range(max(0, failures - n_b), min(failures, n_c) + 1)
        ways.append([(statistic(Stratum(failures - k, n_b, k, n_c)), float(law.pmf(k))) for k in counts])
    observed = math.fsum(statistic(one) for one in strata)
    high = low = 0.0
    for outcome in itertools.product(*ways):
        total, chance = math.fsum(value for value, _ in outcome), math.prod(chance for _, chance in outcome)
        high += chance * (total >= observed - 1e-9)
        low += chance * (total <= observed + 1e-9)
    return high, low


@given(st.lists(stratum(4), max_size=5))
@settings(max_examples=60, deadline=None)
def test_the_convolution_equals_brute_force(strata: list[Stratum]) -> None:
    high, _ = enumerated([one for one in strata if one.compared], lambda one: case_score(*one))
    assert evidence_test(strata).p == pytest.approx(high, rel=1e-9)


@given(st.lists(stratum(5), max_size=8))
@settings(max_examples=60, deadline=None)
def test_sign_flips_equal_brute_force(strata: list[Stratum]) -> None:
    sizes = [abs(one.change) for one in strata if one.informative and one.change]
    observed = sum(one.change for one in strata if one.informative)
    sums = [
        math.fsum(sign * size for sign, size in zip(signs, sizes, strict=True))
        for signs in itertools.product((-1, 1), repeat=len(sizes))
    ]
    worse, better, smallest = sign_flip_test(strata)
    assert worse == pytest.approx(sum(total >= observed - 1e-9 for total in sums) / len(sums))
    assert better == pytest.approx(sum(total <= observed + 1e-9 for total in sums) / len(sums))
    assert smallest == 1 / len(sums)


def test_sign_flips_equal_scipy_s_permutation_test() -> None:
    strata = [Stratum(0, 5, 2, 5), Stratum(1, 5, 3, 5), Stratum(4, 5, 3, 5), Stratum(0, 5, 1, 5), Stratum(2, 5, 5, 5)]
    result = stats.permutation_test(
        (np.array([round(one.change * 5) for one in strata]),),
        np.sum,
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
    )
    assert sign_flip_test(strata)[0] == pytest.approx(result.pvalue)


@given(st.lists(stratum(), max_size=30))
@settings(deadline=None)
def test_swapping_the_sides_twice_changes_nothing_and_once_swaps_the_sign_flips(strata: list[Stratum]) -> None:
    assert swapped(swapped(strata)) == strata
    worse, better, smallest = sign_flip_test(strata)
    assert (better, worse, smallest) == pytest.approx(sign_flip_test(swapped(strata)))


@given(st.lists(stratum(), max_size=30))
@settings(deadline=None)
def test_every_p_is_a_probability_not_below_the_smallest_possible(strata: list[Stratum]) -> None:
    test = evidence_test(strata)
    assert 0 <= test.p_min <= test.p * (1 + 1e-12) <= 1 + 1e-11


@given(st.lists(stratum(), min_size=1, max_size=12), st.data())
@settings(deadline=None)
def test_one_more_failure_of_the_candidate_in_place_of_the_baseline_never_makes_p_larger(
    strata: list[Stratum], data: st.DataObject
) -> None:
    """The failures of a case stay as many, so that the law stays the same."""
    place = data.draw(st.integers(0, len(strata) - 1))
    y, n_b, x, n_c = strata[place]
    if y == 0 or x == n_c:
        return
    worse = [*strata[:place], Stratum(y - 1, n_b, x + 1, n_c), *strata[place + 1 :]]
    assert evidence_test(worse).p <= evidence_test(strata).p * (1 + 1e-12)


@given(st.lists(stratum(), max_size=20), st.randoms())
@settings(deadline=None)
def test_the_order_of_cases_changes_nothing(strata: list[Stratum], random: object) -> None:
    mixed = list(strata)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert evidence_test(mixed)[:4] == evidence_test(strata)[:4]
    assert sign_flip_test(mixed) == sign_flip_test(strata)


@given(st.lists(stratum(), max_size=12), st.integers(0, 6), st.integers(0, 6))
@settings(deadline=None)
def test_a_case_that_says_nothing_changes_nothing(strata: list[Stratum], n_baseline: int, n_candidate: int) -> None:
    silent = [
        Stratum(0, n_baseline, 0, n_candidate),
        Stratum(n_baseline, n_baseline, n_candidate, n_candidate),
        Stratum(0, 0, n_candidate, n_candidate),
        Stratum(n_baseline, n_baseline, 0, 0),
    ]
    assert evidence_test(strata + silent)[:4] == evidence_test(strata)[:4]
    assert sign_flip_test(strata + silent) == sign_flip_test(strata)


@given(st.integers(0, 40), st.integers(0, 40))
@settings(deadline=None)
def test_one_sample_per_side_is_mcnemar(worse: int, better: int) -> None:
    strata = [Stratum(0, 1, 1, 1)] * worse + [Stratum(1, 1, 0, 1)] * better + [Stratum(0, 1, 0, 1)] * 5
    test, improved = evidence_test(strata), evidence_test(swapped(strata))
    if worse + better == 0:
        assert (test.p, improved.p, test.p_min, test.informative) == (1, 1, 1, 0)
        return
    one_sided = stats.binomtest(worse, worse + better, 0.5, alternative="greater").pvalue
    assert test.p == pytest.approx(one_sided)
    assert sign_flip_test(strata)[0] == pytest.approx(one_sided)
    two_sided = mcnemar([[0, better], [worse, 5]], exact=True).pvalue
    assert min(1.0, 2 * min(test.p, improved.p)) == pytest.approx(two_sided)


@given(st.integers(1, 12), st.integers(1, 12), st.data())
@settings(deadline=None)
def test_one_case_is_never_more_certain_than_fisher_s_exact_test(
    n_baseline: int, n_candidate: int, data: st.DataObject
) -> None:
    y, x = data.draw(st.integers(0, n_baseline)), data.draw(st.integers(0, n_candidate))
    fisher = stats.fisher_exact([[x, n_candidate - x], [y, n_baseline - y]], alternative="greater").pvalue
    assert evidence_test([Stratum(y, n_baseline, x, n_candidate)]).p >= fisher * (1 - 1e-9)


def likelihood_ratio(y: int, n_b: int, x: int, n_c: int) -> float:
    """The bits of evidence by the definition, in whole products."""

    def binomial(k: int, n: int, chance: float) -> float:
        return chance**k * (1 - chance) ** (n - k)

    chances = [0, 0.02, 0.05, 0.1, 0.2, 0.32, 0.5, 0.7, 0.87, 0.97, 1]
    weights = [0.44, 0.08, 0.07, 0.08, 0.06, 0.06, 0.06, 0.06, 0.05, 0.03, 0.01]
    same = sum(w * binomial(x + y, n_b + n_c, c) for c, w in zip(chances, weights, strict=True))
    worse = sum(
        w
        * binomial(y, n_b, c)
        * (
            0.2 * binomial(x, n_c, c + (1 - c) * 0.12)
            + 0.6 * binomial(x, n_c, 2.5 * c / (1 - c + 2.5 * c))
            + 0.2 * binomial(x, n_c, 0.97)
        )
        for c, w in zip(chances, weights, strict=True)
    )
    return math.log2(worse / same)


@given(st.integers(1, 12), st.integers(1, 12), st.data())
@settings(deadline=None)
def test_the_score_is_the_running_maximum_of_the_likelihood_ratio_in_quarter_bits(
    n_baseline: int, n_candidate: int, data: st.DataObject
) -> None:
    failures = data.draw(st.integers(1, n_baseline + n_candidate - 1))
    low = fewest(n_baseline, failures)
    bits = [
        likelihood_ratio(failures - x, n_baseline, x, n_candidate) for x in range(low, min(failures, n_candidate) + 1)
    ]
    found = scores(n_baseline, n_candidate, failures)
    highest = -math.inf
    for each, score in zip(bits, found, strict=True):
        highest = max(highest, each)
        assert score == pytest.approx(4 * highest, abs=0.5 + 1e-9)


@pytest.mark.parametrize(
    ("row", "score"),
    [((0, 1, 1, 1), 8), ((1, 1, 0, 1), -3), ((0, 5, 5, 5), 39), ((0, 10, 3, 3), 39), ((0, 10, 1, 3), 6)],
)
def test_the_score_of_some_cases(row: tuple[int, int, int, int], score: int) -> None:
    assert score == case_score(*row)


def test_a_thousand_answers_have_a_score() -> None:
    assert case_score(500, 1000, 500, 1000) < 0 < case_score(0, 1000, 1000, 1000)


@given(st.integers(1, 12), st.integers(1, 12), st.data())
@settings(deadline=None)
def test_more_failures_never_score_less(n_baseline: int, n_candidate: int, data: st.DataObject) -> None:
    failures = data.draw(st.integers(1, n_baseline + n_candidate - 1))
    law = score_law(n_baseline, n_candidate, failures)
    assert [value for value, _ in law] == sorted({value for value, _ in law})
    assert math.fsum(chance for _, chance in law) == pytest.approx(1)


def test_three_broken_cases_are_found_among_flaky_ones() -> None:
    strata = [Stratum(0, 5, 5, 5)] * 3 + [Stratum(2, 5, 1, 5)] * 9 + [Stratum(0, 5, 0, 5)] * 13
    assert evidence_test(strata).p < 0.05


def test_cut_off_tails_never_make_p_smaller_and_cost_no_digit() -> None:
    strata = [Stratum(2, 5, 3, 5)] * 90 + [Stratum(3, 5, 2, 5)] * 60
    scores = dict(score_law(5, 5, 5))
    exact = {0: 1.0}
    for _ in strata:
        grown: dict[int, float] = {}
        for total, chance in exact.items():
            for value, weight in scores.items():
                grown[total + value] = grown.get(total + value, 0.0) + chance * weight
        exact = grown
    test = evidence_test(strata)
    assert test.p == pytest.approx(
        math.fsum(chance for total, chance in exact.items() if total >= test.score), rel=1e-9
    )


def test_hundreds_of_broken_cases_give_a_tiny_p_not_zero() -> None:
    assert 0 < evidence_test([Stratum(0, 5, 5, 5)] * 300).p < 1e-25


def test_very_unequal_numbers_of_samples_leave_the_sign_flip_a_probability() -> None:
    strata = [Stratum(0, 7 + place % 13, 1 + place % 5, 11 + place % 9) for place in range(120)]
    worse, better, smallest = sign_flip_test(strata)
    assert 0 < worse < 1e-20
    assert better == pytest.approx(1)
    assert smallest == 0.5**120


def test_a_family_is_one_case_with_the_answers_of_all_of_its_own() -> None:
    strata = [Stratum(0, 1, 1, 1), Stratum(1, 2, 0, 2), Stratum(0, 1, 0, 1), Stratum(1, 1, 0, 0)]
    assert by_family(strata, ["a", "b", "a", "b"]) == [Stratum(0, 2, 1, 2), Stratum(1, 2, 0, 2)]
    assert by_family(strata, ["a", "b", "c", "d"]) == by_family(strata) == strata[:3]


def test_differences_without_a_small_common_denominator_are_rounded_to_the_nearest_sixtieth() -> None:
    """One in 101 is 0.59 sixtieths and counts as one; one in 127 is 0.47 and counts as none."""
    assert sign_flip_test([Stratum(0, n, 1, n) for n in (101, 103, 107)])[0] == 1 / 8
    assert sign_flip_test([Stratum(0, n, 1, n) for n in (127, 131, 137)])[0] == 1
