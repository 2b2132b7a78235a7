"""Testing many categories at once: against statsmodels, and what must hold of any adjustment."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from pytest_llmeval.stats.multiplicity import tarone_holm

PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=15)


def holm(p: list[float], weights: list[float] | None = None) -> list[float]:
    """Everything testable: Tarone's procedure is Holm's then."""
    return tarone_holm(p, [0.0] * len(p), 0.05, weights).adjusted


@given(PROBABILITIES, st.floats(0.1, 10))
def test_equal_weights_change_nothing(p: list[float], weight: float) -> None:
    weights = [weight] * len(p)
    p_min = [value / 2 for value in p]
    plain, weighted = tarone_holm(p, p_min, 0.05), tarone_holm(p, p_min, 0.05, weights)
    if all(abs(low * k - 0.05) > 1e-9 for low in p_min for k in range(1, 16)):  # no verdict by the last digit
        assert plain.testable == weighted.testable
        assert plain.adjusted == pytest.approx(weighted.adjusted)


@pytest.mark.slow
@given(PROBABILITIES)
@settings(max_examples=20, deadline=None)  # statsmodels collects garbage in every call
def test_tarone_with_everything_testable_is_holm_as_statsmodels_has_it(p: list[float]) -> None:
    family = tarone_holm(p, [0.0] * len(p), 0.05)
    assert family.adjusted == pytest.approx(list(multipletests(p, method="holm")[1]))
    assert family.size == len(p)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
def test_tarone_s_size_is_the_smallest_that_holds(pairs: list[tuple[float, float]]) -> None:
    p_min = [min(pair) for pair in pairs]
    family = tarone_holm([max(pair) for pair in pairs], p_min, 0.05)
    smallest = next(k for k in range(1, len(p_min) + 1) if sum(low * k <= 0.05 for low in p_min) <= k)
    assert family.size == smallest
    assert family.testable == [low * smallest <= 0.05 for low in p_min]
    assert all(value == 1 for value, found in zip(family.adjusted, family.testable, strict=True) if not found)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 5)), min_size=1, max_size=12))
def test_tested_shares_of_alpha_never_add_up_to_more_than_alpha(triples: list[tuple[float, float, float]]) -> None:
    weights = [weight for _, _, weight in triples]
    family = tarone_holm([max(a, b) for a, b, _ in triples], [min(a, b) for a, b, _ in triples], 0.05, weights)
    spent = sum(weight for weight, found in zip(weights, family.testable, strict=True) if found)
    assert spent <= family.size * (1 + 1e-9)


def test_untestable_categories_cost_the_others_nothing() -> None:
    alone = tarone_holm([0.01, 0.04], [1e-6, 1e-6], 0.05).adjusted
    assert tarone_holm([0.01, 0.04, 0.5, 1.0], [1e-6, 1e-6, 0.5, 1.0], 0.05).adjusted[:2] == alone


def test_the_smaller_example_of_weighted_holm() -> None:
    assert holm([0.02, 0.004, 0.3]) == pytest.approx([0.04, 0.012, 0.3])
    assert holm([0.02, 0.004, 0.3], [3, 1, 1]) == pytest.approx([0.08 / 3, 0.02, 0.3])


def test_a_severe_category_is_found_where_an_ordinary_one_is_not() -> None:
    p, p_min = [0.02, 0.5, 0.6], [1e-6] * 3
    assert tarone_holm(p, p_min, 0.05).adjusted[0] > 0.05 >= tarone_holm(p, p_min, 0.05, [3, 1, 1]).adjusted[0]


def test_no_category_is_an_empty_family() -> None:
    assert tarone_holm([], [], 0.05) == ([], [], 0.0)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="was given as a p-value"):
        holm([p])


def test_missing_or_impossible_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="2 p-values came with 1 weights"):
        holm([0.1, 0.2], [1])
    with pytest.raises(ValueError, match="must be above 0"):
        holm([0.1], [0])
    with pytest.raises(ValueError, match="2 p-values came with 1 smallest"):
        tarone_holm([0.1, 0.2], [0.1], 0.05)


def test_a_heavy_category_is_taken_before_a_light_one_of_smaller_p() -> None:
    """0.012 / 3 is less than 0.010 / 1: it spends 3 of 4 shares, and leaves the other a whole one."""
    assert holm([0.010, 0.012], [1.0, 3.0]) == pytest.approx([0.016, 0.016])
    assert holm([0.010, 0.012]) == pytest.approx([0.020, 0.020])
    assert holm([0.010, 0.040], [1.0, 3.0]) == pytest.approx([0.040, 0.040])
