"""Answers that a provider gave more than once: one answer is one piece of evidence, however often it comes."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_llmeval.analysis.comparison import Results
from pytest_llmeval.runs.results import Call, CaseResult, SampleResult

_Ids = tuple[str, ...]


def without_copies(results: Results) -> Results:
    """One side without the answers of a case that have the same response ids as another of its answers.

    Equal texts are no copies: at temperature 0 most of them were drawn each for itself. An id that several different
    answers have, or answers to different requests, is none: some servers give all their answers the same.
    """
    unfit = _unfit(call for result in results.values() for call in result.calls)
    return {key: _single(result, unfit) for key, result in results.items()}


def _single(result: CaseResult, unfit: set[str]) -> CaseResult:
    kept: dict[_Ids | int, SampleResult] = {}
    for place, sample in enumerate(result.samples):
        ids = tuple(call.answer.response_id or "" for call in sample.calls)
        known = bool(ids) and all(ids) and unfit.isdisjoint(ids)
        kept.setdefault(ids if known else place, sample)
    return result if len(kept) == len(result.samples) else result._replace(samples=tuple(kept.values()))


def _unfit(calls: Iterable[Call]) -> set[str]:
    """The ids that stand for more than one answer to one request."""
    answers: dict[str, tuple[object, ...]] = {}
    unfit = set()
    for call in calls:
        answer = call.answer
        tools = [(tool.name, tool.raw_arguments) for tool in answer.every_tool_call]
        said = (call.words_digest, answer.text, answer.refusal, tools)
        if answer.response_id and answers.setdefault(answer.response_id, said) != said:
            unfit.add(answer.response_id)
    return unfit
