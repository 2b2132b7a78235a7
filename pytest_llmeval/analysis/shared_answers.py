"""Answers that several tests judge, since a fixture of wider scope asked for them: each is one piece of evidence."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_llmeval.analysis.comparison import Results
from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult


def shared_once(before: Results, after: Results) -> tuple[Results, Results]:
    """Both sides, where tests that judge nothing but a fixture's answers are one case: the first of them.

    It fails in each category in which one of them fails. The others keep no answers, so that they are not compared.
    """
    groups: dict[str, list[CaseKey]] = {}
    for key, result in after.items():
        if result.fixture is not None and key in before and before[key].fixture == result.fixture:
            groups.setdefault(result.fixture, []).append(key)
    shared = [sorted(keys) for keys in groups.values() if len(keys) > 1]
    return (_merged(before, shared), _merged(after, shared)) if shared else (before, after)


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
            said = tuple((call.words_digest, call.answer.response_id, call.answer.text) for call in sample.calls)
            judged.setdefault(said, []).append(sample)
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
        outcome="fail" if names else "pass",
        category=names[0] if names else None,
        further=tuple(names[1:]),
        noted=None if examined is None else tuple(examined),
        scores=(),
    )
