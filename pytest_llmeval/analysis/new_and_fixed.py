"""The samples by which a case is called new or fixed."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.analysis.comparison import Results
from pytest_llmeval.runs.results import CaseKey, CaseResult


def on_first_samples(before: Results, after: Results, cases: Sequence[CaseKey]) -> tuple[Results, Results]:
    """The cases with only as many judged samples, the first ones, as both sides have.

    Of ten answers one fails more often than of three. Judged by all of them, cases would seem fixed or new by the
    number of samples alone.

    Args:
        before: the baseline's results.
        after: the candidate's.
        cases: which both sides have; a case that one side could not judge stays as it is.
    """
    first: tuple[dict[CaseKey, CaseResult], dict[CaseKey, CaseResult]] = {}, {}
    for key in cases:
        both = before[key], after[key]
        shared = min(len(result.judged) for result in both)
        for side, result in zip(first, both, strict=True):
            side[key] = result._replace(samples=result.judged[:shared]) if shared else result
    return first
