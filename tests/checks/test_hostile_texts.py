"""Every check that a row may carry, on every text that was written to break something."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pytest_llmeval import LlmevalError, Score, check
from pytest_llmeval.checks.rows.row_forms import FORMS, validate_checks
from tests.checks.hostile_texts import TEXTS, outcomes, rows_of

_LONGEST = 4_000  # characters of a message
_LONGEST_FIRST = 600  # of its first line


@pytest.mark.parametrize("name", FORMS)
def test_a_check_passes_fails_or_says_what_is_wrong(name: str) -> None:
    """In bounded time, by limits of its own, and with a message that is short and escaped.

    A check that hangs is not seen by this test but by its never ending; patterns and schemas have a limit.
    """
    for what, text in TEXTS.items():
        found = outcomes(name, text)
        assert found, what
        for word, message in found:
            assert (word == "pass") is (message == ""), what
            lines = message.split("\n")
            assert all(line.isprintable() and not line.startswith(("::", "##vso[")) for line in lines), (what, message)
            assert len(message) <= _LONGEST, what
            assert len(lines[0]) <= _LONGEST_FIRST, what


@pytest.mark.parametrize("name", FORMS)
def test_the_rows_are_right_so_that_the_check_itself_is_asked(name: str) -> None:
    for text in TEXTS.values():
        right = [row for row in rows_of(name, text) if validate_checks([row]) == []]
        assert right, text[:50]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.1])
def test_a_score_that_is_none_is_an_error(value: float) -> None:
    @check
    def assert_polite(reply: str, **_: Any) -> Score:
        return Score(value=value, passed=True)

    with pytest.raises(LlmevalError, match="a score is a number from 0 to 1"):
        assert_polite("Hello.")
