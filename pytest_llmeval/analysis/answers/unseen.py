"""Turn samples that asked no model into errors where other samples of their case asked one."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_llmeval.analysis.comparison import Results
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult

NOTHING_ASKED = "nothing_asked"
"""The kind of error of a sample that asked no model."""

_WHY = "no call of a model was seen, though another answer of this case has one: does the application cache?"


def without_unseen(before: Results, after: Results) -> tuple[Results, Results]:
    """Both sides, with samples that asked nothing turned into errors where others of their case asked."""
    asking = {key for side in (before, after) for key, result in side.items() if any(s.calls for s in result.samples)}
    return _side(before, asking), _side(after, asking)


def _side(results: Results, asking: set[CaseKey]) -> Results:
    return {
        key: result._replace(samples=tuple(map(_measured, result.samples))) if key in asking else result
        for key, result in results.items()
    }


def _measured(sample: SampleResult) -> SampleResult:
    if sample.calls or sample.outcome == "error":
        return sample
    return sample._replace(outcome="error", category=NOTHING_ASKED, reason=_WHY, detail=_WHY)


def nothing_seen(results: Iterable[CaseResult]) -> list[str]:
    """That nothing was measured at all, as where the application's HTTP client is one that is not captured."""
    results = list(results)
    asked = any(result.calls for result in results)
    return [] if asked or not results else ["no call of a model was seen in any case"]
