"""What ``any``, ``all``, ``not`` and ``if`` in a row make of the checks within them.

A check that cannot be measured is an error here too, wherever it stands: what is not known is no pass, and turned
round it is none either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_llmeval.checks.categories import GENERAL
from pytest_llmeval.checks.check import Unfit, check, failed, passed
from pytest_llmeval.score import Score
from pytest_llmeval.text import first_line, json_words, quoted

Measured = Callable[[Mapping[str, Any]], Score]
"""Measures a check without keeping its score."""

__tracebackhide__ = True


def all_of(scores: Sequence[Score]) -> Score:
    """One score for checks that must all hold: the lowest, with the reason of the first that does not."""
    first = next((score for score in scores if not score.passed), scores[0])
    return replace(first, value=min(score.value for score in scores))


def any_of(checks: Sequence[Mapping[str, Any]], measured: Measured) -> Score:
    """One score for checks of which one must hold: the highest. All of them are measured.

    Its category is theirs when they share one.
    """
    scores = []
    for one in checks:
        try:
            scores.append(measured(one))
        except Unfit as unfit:
            scores.append(unfit.score)
    categories = {score.category for score in scores}
    category = categories.pop() if len(categories) == 1 else GENERAL
    value = max(score.value for score in scores)
    if any(score.passed for score in scores):
        return passed(category, value=value)
    lines = [f"none of {len(scores)} checks holds: {scores[0].reason}"] if len(scores) > 1 else [scores[0].reason]
    lines += [first_line(f"or {score.check}: {score.reason}") for score in scores[1:]]
    return failed("\n".join(lines), category=category, value=value)


def not_of(reply: str, one: Mapping[str, Any], measured: Measured) -> Score:
    """A score for a check that must not hold: 1 or 0.

    Raises:
        Unfit: the reply fails before it could be measured, which is no opposite.
    """
    score = measured(one)
    if not score.passed:
        return passed()
    said = f": {quoted(str(reply))}" if str(reply).strip() else ""
    return failed(f"{json_words(one)} must not hold{said}")


@check
def assert_any(checks: Sequence[Mapping[str, Any]], measured: Measured, *, category: str | None = None) -> Score:
    """Check that one of several checks holds."""
    return any_of(checks, measured)


@check
def assert_not(reply: str, one: Mapping[str, Any], measured: Measured, *, category: str | None = None) -> Score:
    """Check that a check does not hold."""
    return not_of(reply, one, measured)


def branch_of(one: Mapping[str, Any], measured: Measured, category: str | None) -> str | None:
    """The branch that a condition leads to, without a score; None when the reply fails before it could be measured.

    Raises:
        CheckFailed: it does; in `all_checks` that is raised later.
    """
    try:
        return "then" if measured(one).passed else "else"
    except Unfit as unfit:
        _assert_measured(unfit, category=category)
        return None


@check
def _assert_measured(unfit: Unfit, *, category: str | None = None) -> Score:
    """Check that a reply could be measured."""
    return replace(unfit.score, check="if")
