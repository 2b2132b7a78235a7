"""The law of a sum, beside scipy's and beside exact sums."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from pytest_llmeval.stats.convolution import Law, add_up


@pytest.mark.parametrize("count", [1, 99, 100, 101, 6_007])
@pytest.mark.parametrize(("low", "high"), [(-1, 1), (-12, 30), (0, 7)])
def test_a_sum_of_two_valued_numbers_is_binomial(count: int, low: int, high: int) -> None:
    law = add_up([((low, 0.7), (high, 0.3))] * count)
    for times in range(0, count + 1, max(1, count // 50)):
        value = times * high + (count - times) * low
        assert law.at_least(value) == pytest.approx(binom.sf(times - 1, count, 0.3), rel=1e-9, abs=1e-26)
        assert law.at_most(value) == pytest.approx(binom.cdf(times, count, 0.3), rel=1e-9, abs=1e-26)


laws = st.lists(st.integers(1, 9), min_size=1, max_size=4).flatmap(
    lambda weights: st.lists(st.integers(-20, 20), min_size=len(weights), max_size=len(weights), unique=True).map(
        lambda values: [(v, w / sum(weights)) for v, w in zip(sorted(values), weights, strict=True)]
    )
)


ONE = 1 << 220  # a probability of 1, as a whole number


@given(st.lists(st.tuples(laws, st.sampled_from([1, 3, 100, 110])), min_size=1, max_size=2))
@settings(max_examples=15)
def test_many_equal_numbers_sum_up_as_one_by_one(groups: list[tuple[Law, int]]) -> None:
    exact = {0: ONE}
    for law, count in groups:
        weights = [(value, int(probability * 2**60)) for value, probability in law]
        for _ in range(count):
            added: dict[int, int] = {}
            for value, weight in weights:
                for before, chance in exact.items():
                    added[before + value] = added.get(before + value, 0) + (chance * weight >> 60)
            exact = added
    found = add_up([law for law, count in groups for _ in range(count)])
    values = sorted(exact)
    tails = list(accumulate(exact[value] for value in reversed(values)))[::-1]
    for value, tail in list(zip(values, tails, strict=True))[:: max(1, len(values) // 40)]:
        assert found.at_least(value) == pytest.approx(tail / ONE, rel=1e-9, abs=1e-25)
