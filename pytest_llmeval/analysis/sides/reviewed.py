"""What people decided of one side alone, where nobody but them says which answer is right."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_llmeval.analysis.comparison import Results
from pytest_llmeval.runs.results import CaseResult, SampleResult

_REVIEW = "review"  # the check of a score that people gave


def reviewed_alike(before: Results, after: Results) -> tuple[Results, Results]:
    """Both sides of a shadow test, with rejections that count on both sides or on none.

    Production passes its own checks by definition. So an answer that people alone found wrong is unverified until
    somebody has decided of the other side's answer to the case, too. What a check finds wrong stays a failure.
    """
    alone = {key for key in after if key in before and is_logged(before[key])}
    if not alone:
        return before, after
    sides = before, after
    before = {
        key: _unless_decided(result, sides[1][key]) if key in alone else result for key, result in sides[0].items()
    }
    after = {
        key: _unless_decided(result, sides[0][key]) if key in alone else result for key, result in sides[1].items()
    }
    return before, after


def waiting(results: Results, reviewed: Results) -> int:
    """In how many cases `reviewed_alike` has left a rejection out."""
    return sum(reviewed[key].samples != result.samples for key, result in results.items())


def is_logged(result: CaseResult) -> bool:
    """Whether its answers come from a log of production, which does not say what was asked as a digest."""
    calls = result.product_calls
    return bool(calls) and all(not call.words_digest and call.measures.source == "recording" for call in calls)


def _unless_decided(result: CaseResult, other: CaseResult) -> CaseResult:
    if any(_by_people(sample) for sample in other.samples):
        return result
    return result._replace(samples=tuple(map(_without_rejection, result.samples)))


def _by_people(sample: SampleResult) -> bool:
    return any(score.check == _REVIEW for score in sample.scores)


def _failing(sample: SampleResult) -> Iterator[str]:
    return (score.check for score in sample.scores if score.gated and not score.passed)


def _without_rejection(sample: SampleResult) -> SampleResult:
    if sample.outcome != "fail" or {*_failing(sample)} != {_REVIEW}:
        return sample
    return sample._replace(outcome="unverified", category=None, further=())
