"""Turn samples that asked no model into errors where other samples of their case asked one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pytest_llmeval.analysis.comparison import Results
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult
from pytest_llmeval.text import first_line

NOTHING_ASKED = "nothing_asked"
"""The kind of error of a sample that asked no model."""

_LONGEST = 150  # characters of an error's reason
_WHY = "no model call was seen, though another answer of this case has one: does the application cache?"


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
    if not results or any(result.calls for result in results):
        return []
    return [lost_cause(results) or "no model call was seen in any case"]


def lost_cause(results: Iterable[CaseResult]) -> str:
    """What kept most of the lost answers from being judged, and what helps; "" where none was lost."""
    samples = [sample for result in results for sample in result.samples]
    lost = [sample for sample in samples if sample.outcome == "error" and sample.category != NOTHING_ASKED]
    if not lost:
        return ""
    kind, number = Counter(sample.category for sample in lost).most_common(1)[0]
    reason = next(sample.reason for sample in lost if sample.category == kind)
    are = "1 answer is" if number == 1 else f"{number} answers are"
    if kind == "no_reply_recorded" and reason.startswith("no recorded reply"):
        return f"{are} not recorded: run pytest --llm-record and commit the recordings"
    if kind == "reply_too_old":
        return f"{are} older than max_age: pytest --llm-record --llm-mode=refresh asks for them again"
    of = f"all {number} answers are" if 1 < number == len(samples) else are
    return f"{of} lost: {first_line(reason, _LONGEST)}" if reason else ""
