"""Money: what a resolved answer costs, with bounds where there are enough cases, and how that changes."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.stats.cost import FEWEST_CASES, cost_change, cost_per_resolved
from pytest_llmeval.stats.special import t_quantile

Case = tuple[float, int]

CASE = st.tuples(st.floats(0.001, 1), st.integers(0, 5))
CASES = st.lists(CASE, min_size=1, max_size=40).filter(lambda cases: sum(resolved for _, resolved in cases) > 0)


@given(CASES)
def test_failed_samples_cost_too(cases: list[Case]) -> None:
    costs, resolved = [cost for cost, _ in cases], [count for _, count in cases]
    estimate = cost_per_resolved(costs, resolved)
    assert estimate is not None
    assert estimate.value == pytest.approx(sum(costs) / sum(resolved))
    if len(cases) < FEWEST_CASES:
        assert (estimate.low, estimate.high) == (None, None)
    else:
        assert estimate.low is not None
        assert estimate.high is not None
        assert 0 < estimate.low <= estimate.value * (1 + 1e-12)
        assert estimate.value / estimate.low == pytest.approx(estimate.high / estimate.value)


def test_nothing_resolved_has_no_price() -> None:
    assert cost_per_resolved([0.1, 0.2], [0, 0]) is None
    assert cost_per_resolved([], []) is None


def test_what_is_free_costs_nothing() -> None:
    assert cost_per_resolved([0.0] * 20, [1] * 20) == (0, 0, 0)


def test_twenty_cases_have_bounds() -> None:
    """Half cost 0.1 and half 0.3 for 2 answers each: each is half of the mean away from it."""
    value, low, high = cost_per_resolved([0.1, 0.3] * 10, [2] * 20) or (0, 0, 0)
    factor = math.exp(t_quantile(0.975, 19) * 0.5 / math.sqrt(19))
    assert (value, low, high) == pytest.approx((0.1, 0.1 / factor, 0.1 * factor))
    few = cost_per_resolved([0.1, 0.3] * 9 + [0.2], [2] * 19)
    assert few is not None
    assert few.value == pytest.approx(0.1)
    assert (few.low, few.high) == (None, None)


def test_sides_of_different_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="2 costs came with 1 counts"):
        cost_per_resolved([0.1, 0.2], [1])
    with pytest.raises(ValueError, match="2 cases came with 1"):
        cost_change([(0.1, 1), (0.2, 1)], [(0.1, 1)])


@given(CASES, st.floats(0.1, 10))
def test_a_price_that_rises_everywhere_alike_is_no_chance(cases: list[Case], factor: float) -> None:
    """Dear cases and cheap ones are dear and cheap on both sides."""
    change = cost_change(cases, [(factor * cost, resolved) for cost, resolved in cases])
    assert change is not None
    bounds = [change.value] if change.low is None else [*change]
    assert bounds == pytest.approx([factor - 1] * len(bounds), abs=1e-6)


@given(st.lists(st.tuples(CASE, CASE), min_size=20, max_size=30))
def test_a_change_back_is_the_change_the_other_way_round(pairs: list[tuple[Case, Case]]) -> None:
    before, after = [one for one, _ in pairs], [other for _, other in pairs]
    there, back = cost_change(before, after), cost_change(after, before)
    if there is None or back is None:
        assert (there, back) == (None, None)
        assert 0 in (sum(count for _, count in side) for side in (before, after))
        return
    assert None not in (there.low, back.high)
    for one, other in ((there.value, back.value), (there.low, back.high), (there.high, back.low)):
        assert ((one or 0) + 1) * ((other or 0) + 1) == pytest.approx(1)


def test_a_change_from_nothing_is_endless_and_to_nothing_is_all() -> None:
    free, dear = [(0.0, 1)] * 3, [(1.0, 1)] * 3
    assert cost_change(free, free) == (0, 0, 0)
    assert cost_change(free, dear) == (math.inf,) * 3
    assert cost_change(dear, free) == (-1,) * 3


@pytest.mark.slow
@pytest.mark.parametrize("cases", [20, 60])
def test_the_interval_of_the_change_covers_the_truth(cases: int) -> None:
    """Costs of a case differ by a factor of ten, chances to pass from 50 to 100 %; nothing changes."""
    rng = random.Random(cases)

    def side(prices: list[float], chances: list[float]) -> list[Case]:
        return [
            (sum(price * rng.lognormvariate(0, 0.3) for _ in range(3)), sum(rng.random() < chance for _ in range(3)))
            for price, chance in zip(prices, chances, strict=True)
        ]

    covered = []
    for _ in range(600):
        prices = [rng.lognormvariate(-4, 0.8) for _ in range(cases)]
        chances = [rng.uniform(0.5, 1) for _ in range(cases)]
        change = cost_change(side(prices, chances), side(prices, chances))
        assert change is not None
        assert change.low is not None
        assert change.high is not None
        covered.append(change.low <= 0 <= change.high)
    assert 0.92 <= statistics.fmean(covered) <= 0.99
