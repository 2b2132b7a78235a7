"""Money: what a resolved case costs, with bounds; infinite where nothing is resolved."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.stats.cost import cost_per_resolved

CASES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=2, max_size=30).filter(
    lambda cases: sum(resolved for _, resolved in cases) > 0
)


@given(CASES)
def test_failed_samples_cost_too(cases: list[tuple[float, int]]) -> None:
    costs, resolved = [cost for cost, _ in cases], [count for _, count in cases]
    estimate = cost_per_resolved(costs, resolved)
    assert estimate is not None
    assert estimate.value == pytest.approx(sum(costs) / sum(resolved))
    assert 0 <= estimate.low <= estimate.value <= estimate.high


def test_nothing_resolved_has_no_price() -> None:
    assert cost_per_resolved([0.1, 0.2], [0, 0]) is None
    assert cost_per_resolved([], []) is None


def test_one_case_has_no_bounds() -> None:
    assert cost_per_resolved([0.1], [2]) == (0.05, 0.0, math.inf)


def test_two_cases_have_bounds() -> None:
    """0.4 USD for 4: each case is 0.1 off, so that the error of the ratio is sqrt(2 * 0.1**2 * 2) / 4."""
    value, low, high = cost_per_resolved([0.1, 0.3], [2, 2]) or (0, 0, 0)
    half = 1.959963984540054 * math.sqrt(2 * 0.1**2 * 2) / 4
    assert (value, low, high) == pytest.approx((0.1, max(0.0, 0.1 - half), 0.1 + half))


def test_sides_of_different_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="2 costs came with 1 counts"):
        cost_per_resolved([0.1, 0.2], [1])
