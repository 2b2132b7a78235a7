"""The facts of an expected text, in whatever words."""

from __future__ import annotations

import pytest

from pytest_llmeval.checks.kept_facts import assert_facts
from pytest_llmeval.errors import CheckFailed, LlmevalError


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("Thirty days is what you have.", "You have 30 days."),
        ("A session is 49 EUR, and 450 EUR for ten.", "One costs 49 €, ten of them cost 450 €."),
        ("Write to help@example.com", "Our address is help@example.com."),
        ("We open at 9.", ["We open at 8.", "From 9 on."]),
    ],
)
def test_a_reply_in_other_words_passes(reply: str, expected: str | list[str]) -> None:
    assert_facts(reply, expected)


def test_a_lacking_fact_is_named_with_the_share_that_is_there() -> None:
    with pytest.raises(CheckFailed) as caught:
        assert_facts("There are 25 classes, at 49 EUR.", "24 classes at 49 EUR each.")
    assert (caught.value.category, caught.value.score) == (None, 0.5)
    told = 'the reply lacks "24" of the expected "24 classes at 49 EUR each.", got "There are 25 classes, at 49 EUR."'
    assert str(caught.value) == told


def test_of_several_texts_the_nearest_is_told() -> None:
    with pytest.raises(CheckFailed, match=r'lacks "5" of the expected "From 4 to 5\.'):
        assert_facts("At 4.", ["Not before 7.", "From 4 to 5."])


def test_an_empty_reply_fails() -> None:
    with pytest.raises(CheckFailed):
        assert_facts("", "30 days")


@pytest.mark.parametrize("expected", ["Please call us.", ["You have 30 days.", "Please call us."]])
def test_an_expected_text_that_any_reply_would_satisfy_is_an_error(expected: str | list[str]) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_facts: the expected \"Please call us.\" has no number"):
        assert_facts("You have 60 days.", expected)
