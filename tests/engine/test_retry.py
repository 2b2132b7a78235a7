"""How long to wait before the next attempt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.engine.attempts import wait_before


@pytest.mark.parametrize(("attempt", "bound"), [(2, 0.5), (3, 1.0), (4, 2.0), (8, 30.0), (10**6, 30.0)])
def test_without_a_hint_the_bound_doubles(attempt: int, bound: float) -> None:
    assert wait_before(attempt, None, lambda: 1.0) == bound


def test_a_hint_is_a_minimum_with_a_tenth_of_jitter() -> None:
    assert [wait_before(2, 10.0, lambda: 0.0), wait_before(2, 10.0, lambda: 1.0)] == [10.0, pytest.approx(11.0)]


def test_a_hint_of_years_is_two_minutes() -> None:
    assert wait_before(2, 1e9, lambda: 0.5) == 120.0


@pytest.mark.parametrize("hint", [0.0, -3.0, None])
def test_no_hint_is_full_jitter(hint: float | None) -> None:
    assert wait_before(3, hint, lambda: 0.5) == 0.5


@given(st.integers(2, 10**9), st.none() | st.floats(allow_nan=False), st.floats(0, 1))
def test_no_wait_is_negative_or_longer_than_two_minutes(attempt: int, hint: float | None, chance: float) -> None:
    assert 0 <= wait_before(attempt, hint, lambda: chance) <= 120
