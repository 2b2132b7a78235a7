"""The answers of several runs of one model to the same case, put together: each answer once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, Run, SampleResult
from pytest_llmeval.text import plural

_MOST_NUMBERS = 3  # different numbers of answers that are told

ReplyId = tuple[str, str, float]


class Pool(NamedTuple):
    """Two runs of one model as one.

    Attributes:
        results: the first run's cases, those that are the same in both with the answers of both.
        judged_alike: by pooled case how many of its first samples were judged by the tests that its digest names.
        words: how many answers the cases have, in words.
    """

    results: Mapping[CaseKey, CaseResult]
    judged_alike: Mapping[CaseKey, int]
    words: str


def pooled(first: Mapping[CaseKey, CaseResult], second: Mapping[CaseKey, CaseResult]) -> Pool:
    """Add the answers of a second run of the same model to those of the first, in the cases that are the same in both.

    Args:
        first: the baseline's results by case.
        second: those of the other run.
    """
    results: dict[CaseKey, CaseResult] = {}
    judged_alike: dict[CaseKey, int] = {}
    numbers: Counter[tuple[int, int]] = Counter()
    for key, one in first.items():
        two = second.get(key)
        more = new_answers(one.samples, two.samples) if two is not None and same_case(one, two) else []
        results[key] = one._replace(samples=renumbered([*one.samples, *more])) if more else one
        if two is not None and more and one.judged_by != two.judged_by:
            judged_alike[key] = len(one.samples)
        numbers[len(one.samples), len(more)] += 1
    return Pool(results, judged_alike, _words(numbers))


def stands_for(run: Run, name: str) -> tuple[object, ...]:
    """What a model's name stands for in a run."""
    model = run.models.get(name, {})
    return tuple(model.get(key) for key in ("provider", "model", "params"))


def same_case(one: CaseResult, two: CaseResult) -> bool:
    """Whether two results of a model are of the same row and opened with the same requests.

    Later requests of a conversation hold what the model said. The key of a reply is a digest of the request and of the
    sample's number, so results that share one have asked the same.
    """
    first, second = _openings(one), _openings(two)
    return (
        one.content == two.content
        and {call.words_digest for call in first} == {call.words_digest for call in second}
        and not {call.key for call in first if call.key}.isdisjoint(call.key for call in second if call.key)
    )


def reply_ids(calls: Iterable[Call]) -> set[ReplyId]:
    """The identities of replies: a replay has that of the first time, a second reply to the same request another."""
    return {
        (call.key, call.recorded_at, call.measures.latency)
        for call in calls
        if call.key is not None and call.recorded_at is not None
    }


def new_answers(known: Iterable[SampleResult], more: Iterable[SampleResult]) -> list[SampleResult]:
    """Those of some samples that hold no reply that others hold, in order; without a known reply nobody can tell."""
    there = reply_ids(call for sample in known for call in sample.calls)
    found = []
    for sample in more:
        replies = reply_ids(sample.calls)
        if replies and there.isdisjoint(replies):
            found.append(sample)
    return found


def renumbered(samples: Sequence[SampleResult]) -> tuple[SampleResult, ...]:
    """Samples with indexes from 0, without gaps."""
    return tuple(sample._replace(index=index) for index, sample in enumerate(samples))


def _openings(result: CaseResult) -> list[Call]:
    return [sample.calls[0] for sample in result.samples if sample.calls]


def _words(numbers: Counter[tuple[int, int]]) -> str:
    """As in ``10 + 10 answers in 240 cases, 10 + 0 in 10``."""
    told: list[str] = []
    for (one, two), count in numbers.most_common(_MOST_NUMBERS):
        answers = f"{one} + {two}" if told else f"{one} + {two} answers"
        told.append(answers if len(numbers) == 1 else f"{answers} in {plural(count, 'case') if not told else count}")
    others = sum(numbers.values()) - sum(count for _, count in numbers.most_common(_MOST_NUMBERS))
    return ", ".join([*told, f"other numbers in {others}"] if others else told)
