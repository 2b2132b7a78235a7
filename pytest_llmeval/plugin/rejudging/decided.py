"""What people decided of an answer counts over what its test says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.checks.categories import GENERAL, category_of, mark_decided
from pytest_llmeval.errors import CheckFailed, LlmevalError, Unverified
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.score import Score
from pytest_llmeval.text import first_line

if TYPE_CHECKING:
    from pytest_llmeval.plugin.running.trial import Sample
    from pytest_llmeval.review.decisions import Decision, Decisions
    from pytest_llmeval.runs.results import CaseKey


def as_decided(
    error: BaseException | None, sample: Sample, key: CaseKey, content: str, decisions: Decisions | None
) -> BaseException | None:
    """What came out of a sample, given what people decided of its answer.

    Args:
        error: what came out of it by its test; errors that judge no answer stay.
        content: digest of the case's row.
        decisions: None without any.
    """
    if not decisions or (isinstance(error, LlmevalError) and not isinstance(error, Unverified)):
        return error
    if error is not None and not isinstance(error, (Exception, SystemExit, pytest.fail.Exception)):
        return error  # it ends the test from outside
    decision = decisions.of(key, answer_digest(sample.calls), content)
    if decision is None:
        return error
    accepted = decision.decision == "accepted"
    if accepted and not _judges(error):
        return error  # people have accepted words, and no code that breaks on them
    category = decision.category or GENERAL
    if not accepted and _fails_unseen(error, sample):
        reason, found = first_line(str(error), 200), error and category_of(error)
        sample.scores.append(Score(value=0.0, passed=False, reason=reason, category=found or GENERAL, check="test"))
    sample.scores.append(
        Score(value=float(accepted), passed=accepted, reason=_words(decision), category=category, check="review")
    )
    if accepted:
        sample.accepted = True
        return None
    failed = CheckFailed(_words(decision), category=category, check="review")
    mark_decided(failed, category)
    return failed


def _fails_unseen(error: BaseException | None, sample: Sample) -> bool:
    """Whether the test fails too, by a plain assert that leaves no score."""
    by_test = error is not None and not isinstance(error, Unverified)
    return by_test and all(score.passed or not score.gated for score in sample.scores)


def _judges(error: BaseException | None) -> bool:
    """Whether what came out is a judgement of the answer, or none at all: nothing, or assertions alone."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(_judges, error.exceptions))
    return error is None or isinstance(error, (AssertionError, pytest.fail.Exception, Unverified))


def _words(decision: Decision) -> str:
    by = f" by {first_line(decision.reviewer, 60)}" if decision.reviewer else ""
    return f"this answer was {decision.decision}{by}" + (f" on {decision.at[:10]}" if decision.at else "")
