"""One model's results in a line: ``203/220 passed, length 6, format 4``, and what could not be judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pytest_llmeval.report.numbers import count, plural
from pytest_llmeval.report.paper import Paper
from pytest_llmeval.runs.results import CaseResult

_MOST_CATEGORIES = 6


def passed_words(paper: Paper, results: Iterable[CaseResult]) -> str:
    """How many cases passed, as what the others failed, and how many could not be judged."""
    results = list(results)
    judged = [result for result in results if result.outcome != "error"]
    if not judged:
        return f"nothing could be judged: {errors_words(paper, results)}"
    failing = Counter(result.category or "failed" for result in judged if result.outcome == "fail")
    words = [f"{count(len(judged) - failing.total(), len(judged))} passed", *_counted(paper, failing)]
    told = ", ".join(words)
    return told if len(judged) == len(results) else f"{told}; {errors_words(paper, results)}"


def errors_words(paper: Paper, results: Iterable[CaseResult]) -> str:
    """How many cases could not be judged, by what kept them from it: ``3 errors (connection 2, budget 1)``."""
    kinds = Counter(result.category or "error" for result in results if result.outcome == "error")
    return f"{plural(kinds.total(), 'error')} ({', '.join(_counted(paper, kinds))})"


def _counted(paper: Paper, names: Counter[str]) -> list[str]:
    words = [f"{paper.clean(name)} {number}" for name, number in names.most_common(_MOST_CATEGORIES)]
    return [*words, f"{len(names) - _MOST_CATEGORIES} more"] if len(names) > _MOST_CATEGORIES else words
