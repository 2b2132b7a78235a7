"""Which answers were examined for an error category: they alone tell how frequent it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_llmeval.runs.results import ALWAYS_EXAMINED, CaseKey, CaseResult, SampleResult
from pytest_llmeval.stats.labels import mcnemar

MOST_LOST = 0.2  # of the cases that were examined for a category, those that may not be any more
_CHANCE = 0.01  # that as many cases or more lose a check, where as many lose as gain it

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


def no_longer_examined(saved: Mapping[CaseKey, CaseResult], today: Mapping[CaseKey, CaseResult], category: str) -> str:
    """Whether a saved run examined its cases for a category and they are not any more: a sentence, "" if they are.

    Without this, a change that takes such a check away would be green whatever the answers say. A case whose test fails
    before it comes to the check has not lost it, and an older run does not say what it examined.

    Args:
        saved: the results as they were saved.
        today: those of today's tests, best on the same answers.
        category: the one to look at.
    """
    before = [today[key] for key, result in saved.items() if key in today and _examined(result, category)]
    if not any(result.answered for result in before):
        return ""
    if not any(_examines(result.answered, category) for result in before):
        return f"no answer is examined for {category} any more"
    lost = sum(_lost(result, category) for result in before)
    if lost > MOST_LOST * len(before):
        return f"{lost} of {len(before)} cases are not examined for {category} any more"
    return ""


def answers_seldom_examined(
    saved: Mapping[CaseKey, CaseResult], today: Mapping[CaseKey, CaseResult], category: str
) -> str:
    """Whether a model's own answers are examined for a category more seldom than the saved ones: a sentence, "" if not.

    A check that looks at a part of an answer alone, such as its list of facts, says nothing where the part is gone.
    Where answers have such a part by chance, about as many cases gain the check as lose it.

    Args:
        saved: the results as they were saved.
        today: the model's results.
        category: the one to look at.
    """
    pairs = [(result, today[key]) for key, result in saved.items() if key in today]
    before = [after for then, after in pairs if _examined(then, category)]
    lost = sum(_lost(after, category) for after in before)
    gained = sum(_examines(after.answered, category) and not _examined(then, category) for then, after in pairs)
    if lost > MOST_LOST * len(before) and lost > gained and mcnemar(lost, gained) < _CHANCE:
        return f"the answers of {lost} of {len(before)} cases are not examined for {category} any more"
    return ""


def categories_examined(results: Iterable[CaseResult]) -> set[str]:
    """The categories that checks have looked for in any answer."""
    samples = (sample for result in results for sample in result.answered)
    return {name for sample in samples for name in (sample.examined or frozenset()) - sample.untraced - ALWAYS_EXAMINED}


def _examines(samples: Iterable[SampleResult], category: str) -> bool:
    return any(category in (sample.examined or ()) for sample in samples)


def _examined(saved: CaseResult, category: str) -> bool:
    """Whether a check looked for a category; a failure that leaves no trace in an answer that passes is not enough."""
    return any(category in (sample.examined or frozenset()) - sample.untraced for sample in saved.answered)


def _lost(result: CaseResult, category: str) -> bool:
    """Whether answers of a case pass, and none of all was examined for a category."""
    passed = [sample for sample in result.answered if sample.outcome == "pass" and sample.examined is not None]
    return bool(passed) and not _examines(result.answered, category)
