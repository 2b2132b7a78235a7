"""Which answers were examined for an error category: they alone tell how frequent it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_llmeval.runs.results import CaseKey, CaseResult, SampleResult

MOST_LOST = 0.2  # of the cases that were examined for a category of high severity, those that may not be any more

Untraced = dict[str, set[str]]
"""By test function the categories that leave no trace in an answer that passes."""


def untraced_in(results: Iterable[CaseResult]) -> Untraced:
    """The categories that failed in a test function and leave no trace in its answers that pass.

    So it is where a test raises `CheckFailed` itself, and where the provider found the answer invalid.
    """
    found: Untraced = {}
    for result in results:
        for sample in result.judged:
            if sample.untraced:
                found.setdefault(result.key.test, set()).update(sample.untraced)
    return found


def with_untraced(result: CaseResult, untraced: Untraced) -> CaseResult:
    """The result, with its answers that pass examined for these: nothing of their test was left out."""
    names = untraced.get(result.key.test)
    return result._replace(samples=tuple(_also(sample, names) for sample in result.samples)) if names else result


def both_with_untraced(
    before: Mapping[CaseKey, CaseResult], after: Mapping[CaseKey, CaseResult]
) -> tuple[Mapping[CaseKey, CaseResult], Mapping[CaseKey, CaseResult]]:
    """Both sides, where a failure on one says what the answers of the other were examined for."""
    untraced = untraced_in([*before.values(), *after.values()])
    if not untraced:
        return before, after
    one, two = ({key: with_untraced(result, untraced) for key, result in side.items()} for side in (before, after))
    return one, two


def _also(sample: SampleResult, names: set[str]) -> SampleResult:
    if sample.outcome != "pass" or sample.noted is None:
        return sample
    return sample._replace(noted=tuple(sorted(names.union(sample.noted))))


def counts_in(results: Iterable[CaseResult], category: str) -> list[tuple[int, int]]:
    """Per case how many of its answers failed in a category, and how many were examined for it."""
    counts = []
    for result in results:
        known = [(sample, sample.examined) for sample in result.answered]
        examined = [sample for sample, names in known if names is None or category in names]
        counts.append((sum(category in sample.categories for sample in examined), len(examined)))
    return counts


def total_in(results: Iterable[CaseResult], category: str) -> tuple[int, int]:
    """How many answers failed in a category, and how many were examined for it."""
    counts = counts_in(results, category)
    return sum(failed for failed, _ in counts), sum(examined for _, examined in counts)


def no_longer_examined(
    saved: Mapping[CaseKey, CaseResult], today: Mapping[CaseKey, CaseResult], categories: Iterable[str]
) -> list[str]:
    """The categories that a saved run examined and its cases are not examined for any more, a sentence each.

    Without this, a change that takes such a check away would be green whatever the answers say. A case whose test fails
    before it comes to the check has not lost it, and an older run does not say what it examined.

    Args:
        saved: the results as they were saved.
        today: those of today's tests, best on the same answers.
        categories: those to look at.
    """
    told = []
    for name in categories:
        before = [today[key] for key, result in saved.items() if key in today and _examined(result, name)]
        if not any(result.answered for result in before):
            continue
        lost = sum(_lost(result, name) for result in before)
        if not any(_examines(result.answered, name) for result in before):
            told.append(f"no answer is examined for {name} any more, which is of high severity")
        elif lost > MOST_LOST * len(before):
            told.append(
                f"{lost} of {len(before)} cases are not examined for {name} any more, which is of high severity"
            )
    return told


def _examines(samples: Iterable[SampleResult], category: str) -> bool:
    return any(category in (sample.examined or ()) for sample in samples)


def _examined(saved: CaseResult, category: str) -> bool:
    """Whether a check looked for a category; a failure that leaves no trace in an answer that passes is not enough."""
    return any(category in (sample.examined or frozenset()) - sample.untraced for sample in saved.answered)


def _lost(result: CaseResult, category: str) -> bool:
    """Whether answers of a case pass, and none of all was examined for a category."""
    passed = [sample for sample in result.answered if sample.outcome == "pass" and sample.examined is not None]
    return bool(passed) and not _examines(result.answered, category)
