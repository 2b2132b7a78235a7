"""Answers that several tests judge: a fixture's of wider scope, or one that the store gave to each."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from pytest_llmeval.analysis.comparison import Results
from pytest_llmeval.checks.categories import OF_THE_SESSION
from pytest_llmeval.runs.answer_digest import answer_digest
from pytest_llmeval.runs.results import Call, CaseKey, CaseResult, SampleResult


def shared_once(before: Results, after: Results) -> tuple[Results, Results]:
    """Both sides, where tests that judge the same answers are no more cases than there are answers.

    Of those that become one case the first stands for all. It fails in each category in which one of them fails; the
    others keep no answers, so that they are not compared. Which test judges which of several answers of a fixture is
    not known: neighbours are put together. Only tests that fail alike on the baseline's side become one, or the known
    miss of one would hide what another finds. A test that the code behind the answer breaks stays a case of its own,
    too: that is no chance that the tests share.
    """
    of_fixtures = [keys for group in _by_fixture(before, after) for keys in _parts(sorted(group), before, after)]
    shared = [keys for keys in (*of_fixtures, *_by_answer(before, after)) if len(keys) > 1]
    return (_merged(before, shared), _merged(after, shared)) if shared else (before, after)


def _by_fixture(before: Results, after: Results) -> Iterable[list[CaseKey]]:
    groups: dict[str, list[CaseKey]] = {}
    for key, result in after.items():
        if result.fixture is None or key not in before or before[key].fixture != result.fixture:
            continue
        if not _broken_by_code(before[key], result):
            groups.setdefault(result.fixture, []).append(key)
    return groups.values()


def _by_answer(before: Results, after: Results) -> Iterable[list[CaseKey]]:
    """The tests without a fixture that asked the same, and got the same answer from the store, on both sides.

    One that lost an answer stays alone, so that the others' answers are not lost with it.
    """
    groups: dict[tuple[object, ...], list[CaseKey]] = {}
    for key, result in after.items():
        if result.fixture is None and key in before and before[key].fixture is None:
            old, new = _first_calls(before[key]), _first_calls(result)
            whole = not any(sample.outcome == "error" for sample in (*before[key].samples, *result.samples))
            if old and new and whole and not _broken_by_code(before[key], result):
                keys = tuple(call.key for call in (*old, *new))
                groups.setdefault((keys, *_given(old), *_given(new), _mistakes(before[key])), []).append(key)
    return groups.values()


def _broken_by_code(old: CaseResult, new: CaseResult) -> bool:
    """Whether a test's verdicts differ for what no model said.

    Its saved replies fail or pass today as they did not, though it has not changed, or both sides say the same and it
    finds other mistakes. How long an answer took and what it cost may differ with the same words.
    """
    if old.rejudged in ("other_code", "passes_now"):
        return True
    return _mistakes(old) != _mistakes(new) and answer_digest(old.calls) == answer_digest(new.calls)


def _mistakes(result: CaseResult) -> frozenset[str]:
    return frozenset(name for sample in result.samples for name in sample.categories) - OF_THE_SESSION


def _first_calls(result: CaseResult) -> tuple[Call, ...]:
    """The calls of a case's first sample; none where the store does not know them."""
    calls = result.samples[0].calls if result.samples else ()
    return () if any(call.key is None for call in calls) else calls


def _given(calls: Iterable[Call]) -> Iterable[tuple[object, ...]]:
    """What tells answers from others, even from some with the same words."""
    return ((call.words_digest, call.answer.response_id, call.answer.text, call.measures.latency) for call in calls)


def _parts(keys: list[CaseKey], before: Results, after: Results) -> list[list[CaseKey]]:
    """The tests of a fixture in as many parts as it has answers, or one by one where it has more."""
    samples = (sample for side in (before, after) for key in keys for sample in side[key].samples)
    parts = min(len(keys), max((len(sample.calls) for sample in samples), default=1) or 1)
    ends = [len(keys) * part // parts for part in range(parts + 1)]
    return [alike for start, end in pairwise(ends) for alike in _failing_alike(keys[start:end], before)]


def _failing_alike(keys: list[CaseKey], results: Results) -> Iterable[list[CaseKey]]:
    groups: dict[frozenset[str], list[CaseKey]] = {}
    for key in keys:
        groups.setdefault(_mistakes(results[key]), []).append(key)
    return groups.values()


def _merged(results: Results, shared: list[list[CaseKey]]) -> Results:
    merged = dict(results)
    for keys in shared:
        first, *others = keys
        samples = tuple(_samples([results[key] for key in keys]))
        merged[first] = results[first]._replace(samples=samples)
        merged.update({key: results[key]._replace(samples=()) for key in others})
    return merged


def _samples(results: list[CaseResult]) -> Iterable[SampleResult]:
    """One sample for each answer, or chain of answers, that the tests have judged."""
    judged: dict[tuple[object, ...], list[SampleResult]] = {}
    for result in results:
        for sample in result.samples:
            judged.setdefault(tuple(_given(sample.calls)), []).append(sample)
    for index, samples in enumerate(judged.values()):
        yield _one(samples)._replace(index=index)


def _one(samples: list[SampleResult]) -> SampleResult:
    names = list(dict.fromkeys(name for sample in samples for name in sample.categories))
    lost = [sample for sample in samples if sample.outcome == "error"]
    if not names and lost:
        return lost[0]
    known = [sample.examined for sample in samples if sample.outcome != "error"]
    examined = None if None in known else sorted(frozenset().union(*filter(None, known)))
    return samples[0]._replace(
        outcome="fail" if names else "unverified" if any(s.outcome == "unverified" for s in samples) else "pass",
        category=names[0] if names else None,
        further=tuple(names[1:]),
        noted=None if examined is None else tuple(examined),
        scores=(),
    )
