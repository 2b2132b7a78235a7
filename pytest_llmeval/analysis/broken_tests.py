"""Find tests that are broken themselves: they raise the same exception at the same line with both models."""

from __future__ import annotations

from collections import Counter, defaultdict

from pytest_llmeval.analysis.comparison import Results
from pytest_llmeval.runs.results import CaseKey, CaseResult

FEWEST = 5
"""Cases of a test function that must raise the same on both sides; fewer can be bad answers by chance."""


def without_broken_tests(before: Results, after: Results) -> tuple[Results, Results, list[str]]:
    """The results of both sides, with the samples of broken tests turned into errors of category ``exception``.

    A test function is broken when at least five of its cases, and at least half of those that both sides could judge,
    raise the same exception at the same line in every answer of both sides. With fewer such cases the answers raise,
    and the cases fail on both sides.

    Returns:
        The baseline's results, the candidate's, and a sentence for each broken test function.
    """
    raising: defaultdict[tuple[str, str], list[CaseKey]] = defaultdict(list)
    judged: Counter[str] = Counter()
    for key in before.keys() & after.keys():
        sides = before[key].answered, after[key].answered
        if not all(sides):
            continue
        judged[key.test] += 1
        found = {sample.raised if sample.outcome == "fail" else "" for side in sides for sample in side}
        if len(found) == 1 and (raised := found.pop()):
            raising[key.test, raised].append(key)
    broken = {
        place: keys for place, keys in raising.items() if len(keys) >= FEWEST and 2 * len(keys) >= judged[place[0]]
    }
    told = [
        f"{test} is broken: {len(keys)} of {judged[test]} cases raise {raised} with both models; "
        "they are errors and say nothing about either"
        for (test, raised), keys in sorted(broken.items())
    ]
    cases = {key for keys in broken.values() for key in keys}
    return _without(before, cases), _without(after, cases), told


def _without(results: Results, broken: set[CaseKey]) -> Results:
    return {key: _as_errors(result) if key in broken else result for key, result in results.items()}


def _as_errors(result: CaseResult) -> CaseResult:
    return result._replace(
        samples=tuple(
            sample._replace(outcome="error", category="exception") if sample.raised else sample
            for sample in result.samples
        )
    )
