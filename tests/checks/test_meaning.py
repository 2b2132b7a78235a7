"""Similarity by an embedding function of the user's."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.meaning import cosines
from pytest_llmeval.checks.similar import assert_similar
from pytest_llmeval.errors import CheckFailed, LlmevalError


def letters(texts: list[str]) -> list[list[int]]:
    """How often each letter occurs: blind to digits and to the order, as embeddings nearly are."""
    return [[text.lower().count(chr(97 + place)) for place in range(26)] for text in texts]


def reason(reply: str, expected: Any, **options: Any) -> str:
    try:
        assert_similar(reply, expected, **{"by": letters, "at_least": 0.9, **options})
    except CheckFailed as failed:
        return str(failed)
    return ""


def test_a_near_text_with_the_same_facts_passes() -> None:
    score = assert_similar("30 days you have.", "You have thirty days.", by=letters, at_least=0.5)
    assert score.value < 1
    assert reason("You have 30 days for it, of course", ["Ask the shop.", "You have 30 days"], at_least=0.7) == ""


def test_a_cosine_never_decides_between_figures() -> None:
    assert reason("You have 60 days.", "You have 30 days.") == (
        'the reply lacks "30" of the expected "You have 30 days.", got "You have 60 days."'
    )
    assert reason("You have 60 days.", ["You have 30 days.", "You have 60 days."]) == ""
    with pytest.raises(CheckFailed) as caught:
        assert_similar("You have 60 days.", "You have 30 days.", by=letters, at_least=0.9)
    assert (caught.value.check, caught.value.score) == ("similar", 0.0)


def test_a_text_that_is_far_fails_with_its_similarity() -> None:
    assert reason("zzz", "You have days.") == (
        'similarity 0.000 by meaning is below 0.9: expected "You have days.", got "zzz"'
    )
    assert reason(" ", "You have days.") == "the reply is empty"


async def later(texts: list[str]) -> list[list[float]]:
    await asyncio.sleep(0)
    return [[1.0] for _ in texts]


def broken(texts: list[str]) -> list[list[float]]:
    raise ConnectionError("no route\nto host")


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (broken, "by=broken gave no vectors for 2 texts: ConnectionError: no route"),
        (later, "by=later is asynchronous"),
        (lambda texts: [[1.0]], "gave 1 vectors for 2 texts"),
        (lambda texts: [[1.0], [1.0, 2.0]], "gave vectors of 1 and of 2 numbers"),
        (lambda texts: [[0.0], [1.0]], "gave a vector without a direction"),
        (lambda texts: [[math.nan], [1.0]], "gave a vector without a direction"),
        (lambda texts: [[], []], "gave a vector without a direction"),
        (lambda texts: None, "gave no vectors for 2 texts: TypeError"),
        ("minilm", 'by= is a function of texts that returns vectors, not "minilm"'),
    ],
)
def test_a_function_that_gives_no_vectors_is_an_error(by: Any, told: str) -> None:
    with pytest.raises(LlmevalError) as caught:
        assert_similar("a", "b", by=by, at_least=0.5)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"at_least": 0}, {"at_least": 2}, {"at_least": 0.5, "method": "partial"}])
def test_what_is_asked_must_make_sense(options: Any) -> None:
    with pytest.raises(LlmevalError, match=r"^assert_similar"):
        assert_similar("a", "b", by=letters, **options)


numbers = st.floats(-1e100, 1e100).filter(lambda number: number == 0 or abs(number) > 1e-100)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
def test_a_cosine_is_a_share_and_one_with_itself(pairs: list[tuple[float, float]]) -> None:
    one, other = (list(side) for side in zip(*pairs, strict=True))
    if any(one) and any(other):
        by: Callable[[list[str]], list[list[float]]] = lambda texts: [one, one, other]  # noqa: E731
        same, between = cosines("a", ["b", "c"], by)
        assert same == pytest.approx(1)
        assert 0 <= between <= 1
