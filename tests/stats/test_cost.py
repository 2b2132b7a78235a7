"""Money: exact where prices are known, unknown where they are not, infinite where nothing is resolved."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.stats.cost import call_cost, cost_per_resolved

CASES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=2, max_size=30).filter(
    lambda cases: sum(resolved for _, resolved in cases) > 0
)


def test_tokens_cost_their_price_per_million() -> None:
    assert call_cost(input_tokens=1000, output_tokens=500, input_price=0.8, output_price=4.0) == pytest.approx(0.0028)


def test_cache_reads_and_writes_are_priced_apart_within_the_input() -> None:
    cost = call_cost(
        input_tokens=1000,
        output_tokens=0,
        cache_read_tokens=600,
        cache_write_tokens=300,
        input_price=10,
        output_price=1,
        cache_read_price=1,
        cache_write_price=20,
    )
    assert cost == pytest.approx((100 * 10 + 600 * 1 + 300 * 20) / 1e6)


def test_cached_tokens_without_a_price_of_their_own_cost_what_input_costs() -> None:
    plain = call_cost(input_tokens=1000, output_tokens=10, input_price=3, output_price=1)
    cached = call_cost(
        input_tokens=1000,
        output_tokens=10,
        cache_read_tokens=400,
        cache_write_tokens=100,
        input_price=3,
        output_price=1,
    )
    assert cached == plain


@pytest.mark.parametrize(("given_in", "given_out"), [(None, 5), (5, None), (None, None)])
def test_an_unknown_number_of_tokens_is_not_free(given_in: int | None, given_out: int | None) -> None:
    assert call_cost(input_tokens=given_in, output_tokens=given_out, input_price=1, output_price=1) is None


def test_more_cached_than_input_tokens_never_make_money() -> None:
    cost = call_cost(
        input_tokens=100, output_tokens=0, cache_read_tokens=200, input_price=10, output_price=1, cache_read_price=1
    )
    assert cost == pytest.approx(200 / 1e6)


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


def test_an_unknown_number_of_cached_tokens_is_none() -> None:
    cost = call_cost(
        input_tokens=1000, output_tokens=0, input_price=3, output_price=1, cache_read_price=0, cache_write_price=9
    )
    assert cost == pytest.approx(0.003, rel=1e-9)
