"""Consistency of answers: against statsmodels and by counting."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats import inter_rater

from pytest_llmeval.stats import agreement

ANSWERS = st.lists(st.sampled_from("abcd"), min_size=2, max_size=12)


@given(ANSWERS)
def test_agreement_is_the_share_of_equal_pairs(answers: list[str]) -> None:
    pairs = list(itertools.combinations(answers, 2))
    assert agreement.pairwise_agreement(answers) == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))


@given(st.integers(2, 20), st.data())
def test_of_passes_and_failures_it_is_the_formula_of_the_text(samples: int, data: st.DataObject) -> None:
    failed = data.draw(st.integers(0, samples))
    expected = 1 - 2 * failed * (samples - failed) / (samples * (samples - 1))
    answers = [True] * failed + [False] * (samples - failed)
    assert agreement.pairwise_agreement(answers) == pytest.approx(expected)


def test_too_few_answers_have_no_consistency() -> None:
    assert agreement.pairwise_agreement(["a"]) is None


@given(st.integers(2, 6).flatmap(lambda n: st.lists(st.integers(0, n).map(lambda k: (k, n - k)), min_size=1)))
def test_kappa_equals_statsmodels(table: list[tuple[int, int]]) -> None:
    kappa = agreement.fleiss_kappa([{"p": passed, "f": failed} for passed, failed in table])
    if kappa is None:
        assert sum(p for p, _ in table) == 0 or sum(f for _, f in table) == 0
    else:
        assert kappa == pytest.approx(float(inter_rater.fleiss_kappa(np.array(table))))


def test_kappa_refuses_items_with_missing_ratings() -> None:
    ratings = [{"p": 3}, {"f": 2}, {"p": 1}, {"p": 2, "f": 1}]
    with pytest.raises(ValueError, match="same number of at least 2"):
        agreement.fleiss_kappa(ratings)


def test_nothing_but_one_label_leaves_nothing_to_correct() -> None:
    assert agreement.fleiss_kappa([{"p": 5}, {"p": 5}]) is None
    assert agreement.fleiss_kappa([]) is None


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n))))
@settings(deadline=None)
def test_pass_of_k_is_the_share_of_all_choices_of_k(numbers: tuple[int, int, int]) -> None:
    passed, samples, k = numbers
    choices = list(itertools.combinations([True] * passed + [False] * (samples - passed), k))
    assert agreement.pass_hat_k(passed, samples, k) == pytest.approx(sum(map(all, choices)) / len(choices))


def test_fewer_samples_than_k_give_no_estimate() -> None:
    assert agreement.pass_hat_k(2, 3, 4) is None


def test_impossible_numbers_are_refused() -> None:
    for passed, samples, k in ((4, 3, 1), (-1, 3, 1), (1, 3, 0)):
        with pytest.raises(ValueError, match=f"{passed} of {samples} passing and k = {k}"):
            agreement.pass_hat_k(passed, samples, k)
