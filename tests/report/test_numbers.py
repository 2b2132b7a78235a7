"""Numbers are short, signed where they are changes, and never pretend to digits nobody measured."""

from __future__ import annotations

import pytest

from pytest_llmeval.report.numbers import change, difference, dollars, p_value, percent, points, seconds
from pytest_llmeval.text import plural, were


@pytest.mark.parametrize(
    ("number", "noun", "expected"),
    [
        (0, "case", "0 cases"),
        (1, "case", "1 case"),
        (2, "new miss", "2 new misses"),
        (1, "known miss", "1 known miss"),
        (1, "reply", "1 reply"),
        (2, "reply", "2 replies"),
        (0, "day", "0 days"),
    ],
)
def test_a_number_agrees_with_its_noun(number: int, noun: str, expected: str) -> None:
    assert expected == plural(number, noun)
    assert were(number, noun) == f"{expected} {'was' if number == 1 else 'were'}"


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(0, 250, "0.0%"), (11, 250, "4.4%"), (30, 250, "12%"), (250, 250, "100%"), (0, 0, "-")],
)
def test_a_share_has_two_digits(part: int, whole: int, expected: str) -> None:
    assert expected == percent(part, whole)


@pytest.mark.parametrize(
    ("fraction", "expected"), [(0.036, "+3.6"), (-0.072, "-7.2"), (0.0, "0.0"), (-0.0001, "0.0"), (1.0, "+100.0")]
)
def test_points_carry_a_sign_unless_nothing_changed(fraction: float, expected: str) -> None:
    assert expected == points(fraction)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (None, ""),
        (0.0, "<0.001"),
        (0.00099, "<0.001"),
        (0.0042, "0.004"),
        (0.046, "0.046"),
        (0.28, "0.28"),
        (1.0, "1.00"),
    ],
)
def test_a_p_value_has_two_digits(p: float | None, expected: str) -> None:
    assert expected == p_value(p)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [(None, "-"), (0.0, "0ms"), (0.042, "42ms"), (0.0999, "0.10s"), (0.42, "0.42s"), (9.999, "10.0s"), (123.4, "123s")],
)
def test_a_duration_has_its_unit(duration: float | None, expected: str) -> None:
    assert expected == seconds(duration)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (None, "-"),
        (0.0, "0.00"),
        (12.3456, "12.35"),
        (0.31, "0.31"),
        (0.0041, "0.0041"),
        (0.00012, "0.00012"),
        (1e-9, "<0.0000001"),
    ],
)
def test_an_amount_has_two_digits_that_count(amount: float | None, expected: str) -> None:
    assert expected == dollars(amount)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(0.42, 0.39, "-7%"), (0.9, 1.31, "+46%"), (1.0, 1.001, "0%"), (0.0, 1.0, "-"), (None, 1.0, "-"), (1.0, None, "-")],
)
def test_a_change_is_a_share_of_what_was(before: float | None, after: float | None, expected: str) -> None:
    assert expected == change(before, after)


def test_a_difference_carries_a_sign() -> None:
    assert [
        difference(0.94, 0.88),
        difference(0.8, 0.9),
        difference(0.5, 0.501),
        difference(None, 0.5),
    ] == ["-0.06", "+0.10", "0.00", "-"]
