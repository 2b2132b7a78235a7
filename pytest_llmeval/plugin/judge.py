"""What came out of a test's body → a sample's result."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_llmeval.checks.score import Score
from pytest_llmeval.errors import BudgetExceeded, MissingReply, NotRerouted, ProviderError, RecordingError, ReplyError
from pytest_llmeval.plugin.replies import Unanswered
from pytest_llmeval.report.text import first_line, harmless, without_addresses
from pytest_llmeval.run import Call, SampleResult

__all__ = ["SamplesFailed", "failure_message", "sample_result"]

DEFAULT_CATEGORY = "wrong_answer"


class SamplesFailed(AssertionError):
    """Too few samples of a case passed."""

    __module__ = "builtins"  # so that a traceback names it without its module


def sample_result(
    index: int,
    error: BaseException | None,
    *,
    category: str | None,
    scores: Sequence[Score] = (),
    calls: Sequence[Call] = (),
) -> SampleResult:
    """The result of one sample.

    Args:
        index: the sample's index, from 0.
        error: what left the test's body, None when nothing did.
        category: the error category of a plain assert, as the test's marker says.
    """
    passed = SampleResult(index=index, outcome="pass", scores=tuple(scores), calls=tuple(calls))
    if error is None:
        return passed
    if isinstance(error, Unanswered):  # in a fixture; in the body nothing is left of it by now
        error = error.error
    message = without_addresses(str(error))  # else a saved baseline would change with every run
    if isinstance(error, (AssertionError, pytest.fail.Exception)):
        return passed._replace(
            outcome="fail",
            category=_category(error) or category or DEFAULT_CATEGORY,
            reason=first_line(message) or "assertion failed",
            detail=harmless(message),
        )
    if not isinstance(error, ReplyError):
        message = f"{type(error).__name__}: {message}"
    return passed._replace(outcome="error", category=_kind(error), reason=first_line(message), detail=harmless(message))


def _category(error: BaseException) -> str | None:
    from pytest_llmeval.checks import category_of

    return category_of(error)


def _kind(error: BaseException) -> str:
    """What kept a sample from being judged, in one word."""
    match error:
        case ProviderError(kind=kind):
            return kind
        case MissingReply():
            return "no_reply_recorded"
        case NotRerouted():
            return "not_rerouted"
        case BudgetExceeded():
            return "budget"
        case RecordingError():
            return "broken_recording"
        case _:
            return "exception"


def failure_message(samples: Sequence[SampleResult], min_pass_rate: float) -> str:
    """Why a case of several samples did not pass; samples that failed alike are named together."""
    judged = [sample for sample in samples if sample.outcome != "error"]
    failed = [sample for sample in judged if sample.outcome == "fail"]
    groups: dict[tuple[str | None, str], list[SampleResult]] = {}
    for sample in failed:
        groups.setdefault((sample.category, sample.detail), []).append(sample)
    ordered = sorted(groups.values(), key=len, reverse=True)
    worst = ordered[0][0]
    needed = "" if min_pass_rate >= 1 else f", at least {min_pass_rate:.0%} must pass"
    lines = [f"{worst.category}: {worst.reason} ({len(failed)} of {len(judged)} samples failed{needed})"]
    for group in ordered:
        numbers = ", ".join(str(sample.index + 1) for sample in group)
        lines.append(f"{'sample' if len(group) == 1 else 'samples'} {numbers}: {group[0].category}")
        lines += [f"    {line}" for line in group[0].detail.splitlines()[:12]]
    errors = [sample for sample in samples if sample.outcome == "error"]
    if errors:
        lines.append(f"{len(errors)} of {len(samples)} samples could not be judged: {errors[0].reason}")
    return "\n".join(lines)
