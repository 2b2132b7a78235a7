"""Answers that no model gave: where one side of a case asked and the other did not, that other was not measured."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult

Results = Mapping[CaseKey, CaseResult]

NOTHING_ASKED = "nothing_asked"

"""The kind of error of a sample that asked no model."""

_WHY = "no call of a model was seen, though another answer of this case has one: does the application cache?"


def without_unseen(before: Results, after: Results) -> tuple[Results, Results]:
    """Both sides, with samples that asked nothing turned into errors where others of their case asked.

    Args:
        before: the baseline's results by case.
        after: the candidate's.
    """
    asking = {key for side in (before, after) for key, result in side.items() if any(map(_asked, result.samples))}
    return _side(before, asking), _side(after, asking)


def _side(results: Results, asking: set[CaseKey]) -> Results:
    unseen = {key for key in results.keys() & asking if any(map(_counts_unseen, results[key].samples))}
    if not unseen:
        return results
    return {key: _with_errors(result) if key in unseen else result for key, result in results.items()}


def _with_errors(result: CaseResult) -> CaseResult:
    return result._replace(samples=tuple(_error(s) if _counts_unseen(s) else s for s in result.samples))


def _error(sample: SampleResult) -> SampleResult:
    return sample._replace(outcome="error", category=NOTHING_ASKED, reason=_WHY, detail=_WHY)


def _asked(sample: SampleResult) -> bool:
    return bool(sample.calls)


def _counts_unseen(sample: SampleResult) -> bool:
    return sample.outcome != "error" and not sample.calls
