"""Which models answered under which name: an alias may move to another model between two answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

from pytest_llmeval.runs.results import CaseResult

Drift = Literal["another-model", "unknown", "none"]


class Answered(NamedTuple):
    """Who answers now under the names of the baseline.

    Attributes:
        drift: ``another-model`` where one answers that never did in the baseline; ``unknown`` where a provider does
            not say who answered, or no model has the same name on both sides; else ``none``.
        lines: a sentence for each name under which another model answers.
    """

    drift: Drift
    lines: tuple[str, ...] = ()


def answered_now(before: Iterable[CaseResult], after: Iterable[CaseResult]) -> Answered:
    """Compare who answered in a baseline and since.

    Args:
        before: the baseline's results.
        after: the results of a model on trial.
    """
    old, new = _answers(before), _answers(after)
    lines = []
    silent = not (old.keys() & new.keys())
    for name in (name for name in new if name in old):
        others = [f"{model} ({count})" for model, count in new[name].most_common() if model and model not in old[name]]
        # An older run may not say who answered.
        if others and any(old[name]):
            lines.append(
                f"another model answers under {name}: {', '.join(others)}; in the baseline it was "
                + ", ".join(sorted(filter(None, old[name])))
            )
        silent = silent or not any(old[name]) or "" in new[name]
    return Answered("another-model" if lines else "unknown" if silent else "none", tuple(lines))


def _answers(results: Iterable[CaseResult]) -> dict[str, Counter[str]]:
    """By the name of a model that was asked, who answered how often; "" where the provider does not say."""
    answers: dict[str, Counter[str]] = {}
    for result in results:
        for call in result.every_call:
            counts = answers.setdefault(f"{call.provider}/{call.request_model}", Counter())
            counts[str(call.answer.response_model or "")] += 1  # of a damaged run it may be anything
    return answers


def answered_under_one_name(results: Iterable[CaseResult]) -> list[str]:
    """A line for each model name that several models answered to, in the results of a session."""
    answers = {name: counts for name, counts in _answers(results).items() if len(counts.keys() - {""}) > 1}
    return [
        f"{name} was answered by {len(counts.keys() - {''})} models: "
        + ", ".join(f"{model} ({count})" for model, count in counts.most_common() if model)
        for name, counts in answers.items()
    ]
