"""Which models answered under which name: an alias may move to another model between two answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pytest_llmeval.runs.results import CaseResult


def answered_under_one_name(results: Iterable[CaseResult]) -> list[str]:
    """A line for each model name that several models answered to, in the results of a session and its baseline."""
    answers: dict[str, Counter[str]] = {}
    for result in results:
        for call in result.every_call:
            if call.answer.response_model:
                counts = answers.setdefault(f"{call.provider}/{call.request_model}", Counter())
                counts[call.answer.response_model] += 1
    return [
        f"{name} was answered by {len(counts)} models: "
        + ", ".join(f"{model} ({count})" for model, count in counts.most_common())
        for name, counts in answers.items()
        if len(counts) > 1
    ]
