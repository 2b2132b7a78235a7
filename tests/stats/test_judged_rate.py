"""The rate of bad answers behind a judge's verdicts."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.stats.judged_rate import corrected_rate


def test_a_judge_that_is_always_right_is_believed() -> None:
    rate = corrected_rate(30, 200, flagged_bad=500, flagged_good=0, passed_bad=0, passed_good=500)
    assert rate is not None
    assert rate.value == pytest.approx(0.15)
    assert 0.09 < rate.low < 0.15 < rate.high < 0.22


def test_its_known_mistakes_are_taken_out() -> None:
    """It finds 8 of 10 bad answers and flags 1 of 10 good ones: of 100 flagged in 400, 0.15 / 0.7."""
    rate = corrected_rate(100, 400, flagged_bad=40, flagged_good=5, passed_bad=10, passed_good=45)
    assert rate is not None
    assert rate.value == pytest.approx((0.25 - 0.1) / 0.7)
    assert corrected_rate(0, 400, flagged_bad=40, flagged_good=5, passed_bad=10, passed_good=45).value == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "labels",
    [(0, 0, 0, 0), (10, 0, 5, 0), (0, 5, 0, 9), (5, 5, 5, 5), (1, 9, 9, 1)],
)
def test_where_labels_cannot_say_it_nothing_is_said(labels: tuple[int, int, int, int]) -> None:
    names = ("flagged_bad", "flagged_good", "passed_bad", "passed_good")
    assert corrected_rate(3, 10, **dict(zip(names, labels, strict=True))) is None


@pytest.mark.parametrize(("flagged", "answers", "bad"), [(11, 10, 1), (-1, 10, 1), (1, 10, -1)])
def test_impossible_numbers_are_refused(flagged: int, answers: int, bad: int) -> None:
    with pytest.raises(ValueError, match="each number is from 0 up"):
        corrected_rate(flagged, answers, flagged_bad=bad, flagged_good=1, passed_bad=1, passed_good=5)


@given(*[st.integers(0, 40)] * 4, st.integers(0, 200), st.integers(0, 200))
def test_it_is_a_share_within_its_interval(a: int, b: int, c: int, d: int, flagged: int, others: int) -> None:
    rate = corrected_rate(flagged, flagged + others, flagged_bad=a, flagged_good=b, passed_bad=c, passed_good=d)
    assert rate is None or 0 <= rate.low <= rate.value <= rate.high <= 1


@pytest.mark.parametrize(("truth", "finds", "keeps"), [(0.1, 0.8, 0.9), (0.02, 0.7, 0.97), (0.3, 0.9, 0.95)])
def test_the_interval_holds_the_truth_as_often_as_it_says(truth: float, finds: float, keeps: float) -> None:
    draw, held, tries = random.Random(7), 0, 600
    for _ in range(tries):
        flagged = sum(draw.random() < (finds if draw.random() < truth else 1 - keeps) for _ in range(150))
        bad = sum(draw.random() < finds for _ in range(25))
        good = sum(draw.random() < keeps for _ in range(35))
        rate = corrected_rate(
            flagged, 150, flagged_bad=bad, flagged_good=35 - good, passed_bad=25 - bad, passed_good=good
        )
        held += rate is not None and rate.low <= truth <= rate.high
    assert held / tries > 0.93
