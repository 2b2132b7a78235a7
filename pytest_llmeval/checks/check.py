"""How a function that returns a `Score` becomes an ``assert_*``, and who keeps the scores."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, ParamSpec, TypeGuard, TypeVar, cast

from pytest_llmeval.checks.categories import GENERAL, default_category, mark_decided, valid_category
from pytest_llmeval.checks.gathered import gathering
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.score import Claim, Score, surrounding
from pytest_llmeval.text import presentable

P = ParamSpec("P")
R = TypeVar("R")
__tracebackhide__ = True
recorder: ContextVar[list[Score] | None] = ContextVar("llmeval_scores", default=None)
"""The scores of the current sample; the plugin sets a new list for each."""


class Unfit(Exception):
    """Raised inside a check: the reply fails it before it could be measured."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.score = failed(reason, category="format")


def failed(reason: str, *, category: str = GENERAL, value: float = 0.0, unsupported: tuple[Claim, ...] = ()) -> Score:
    """A score that did not pass."""
    return Score(value=value, passed=False, reason=reason, category=category, unsupported=unsupported)


def passed(category: str = GENERAL, *, value: float = 1.0) -> Score:
    """A score that passed, with the category that a failure would have."""
    return Score(value=value, passed=True, category=category)


def is_number(value: object, low: float = -math.inf, high: float = math.inf) -> TypeGuard[float]:
    """Whether a value is a finite number in a range; ``True`` and ``False`` are not numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return low <= value <= high and abs(value) < math.inf


def check(function: Callable[P, R]) -> Callable[P, R]:
    """Turn a function that returns a `Score` into an assertion.

    Use it as ``@check`` on a function named ``assert_polite``, or as ``assert_polite = check(polite)``. The assertion
    takes the same arguments and a keyword ``category=``, keeps every score for the report, returns the score when it
    passed, and raises `CheckFailed` otherwise; in `all_checks` it returns the score in any case. An ``async`` function
    becomes an assertion to await.

    Args:
        function: takes the reply and any other arguments; its name without ``assert_`` names the check. It may
            declare ``category: str | None = None`` for type checkers, but never receives one.

    Raises:
        CheckFailed: from the assertion, when the score did not pass.
        LlmevalError: from the assertion, when the function returns no score, or one that is not between 0 and 1.
    """
    name = getattr(function, "__name__", type(function).__name__).removeprefix("assert_")
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*arguments: Any, category: str | None = None, **options: Any) -> Score:
            __tracebackhide__ = True
            explicit = valid_category(category)
            try:
                score = await function(*arguments, **options)
            except Unfit as unfit:
                score = unfit.score
            return _settled(name, score, explicit)

        return cast("Callable[P, R]", awaited)

    @functools.wraps(function)
    def asserted(*arguments: Any, category: str | None = None, **options: Any) -> Score:
        __tracebackhide__ = True
        explicit = valid_category(category)
        try:
            score = cast("Callable[..., object]", function)(*arguments, **options)
        except Unfit as unfit:
            score = unfit.score
        return _settled(name, score, explicit)

    return cast("Callable[P, R]", asserted)


def _settled(name: str, score: object, explicit: str | None) -> Score:
    """Keep the score; fail when it did not pass."""
    if not isinstance(score, Score):
        raise LlmevalError(f"check {name!r} returned a {type(score).__name__}, not a pytest_llmeval.Score")
    value = score.value
    if not is_number(value, 0, 1):
        raise LlmevalError(f"check {name!r} gave the score {value!r}: a score is a number from 0 to 1")
    if not isinstance(score.passed, bool):
        raise LlmevalError(f"check {name!r} gave passed={score.passed!r}: it is True or False")
    own = None if score.category == GENERAL else valid_category(score.category)
    decided = explicit or surrounding.get()
    reason = presentable(score.reason or f"{name} did not pass (score {value:.2f})")
    kept = replace(
        score,
        value=float(value),
        category=decided or own or default_category.get(),
        check=score.check or name,
        reason="" if score.passed and not score.reason else reason,
    )
    scores = recorder.get()
    if scores is not None:
        scores.append(kept)
    if not kept.passed and kept.gated:
        error = CheckFailed(reason, category=decided or own, score=kept.value, check=kept.check)
        if decided:
            mark_decided(error, decided)
        gathered = gathering.get()
        if gathered is None or not gathered.keeps(error):
            raise error from None
    return kept
