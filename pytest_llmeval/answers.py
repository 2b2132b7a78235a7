"""What can be seen in a judged answer itself: its length and form, whether it refuses, whether it was examined."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pytest_llmeval.reply import unfenced
from pytest_llmeval.run import CaseResult, SampleResult

__all__ = ["hallucination_counts", "is_refusal", "structure_of", "words_of"]

HALLUCINATION, REFUSAL = "hallucination", "refusal"


def words_of(sample: SampleResult) -> int | None:
    """How many words the answer has: the text of the sample's last call; None without a call."""
    return len(sample.calls[-1].answer.text.split()) if sample.calls else None


def structure_of(sample: SampleResult) -> Literal["object", "array", "text"]:
    """Whether the answer, that of the last call, is a JSON object, a JSON array or neither; a code fence is ignored."""
    text = unfenced(sample.calls[-1].answer.text) if sample.calls else ""
    if not text.startswith(("{", "[")):
        return "text"
    try:
        value: Any = json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return "text"
    return "object" if isinstance(value, dict) else "array"


def is_refusal(sample: SampleResult) -> bool:
    """Whether the answer is a refusal: a check said so, or the provider marks that of the last call as one."""
    return sample.category == REFUSAL or bool(sample.calls and sample.calls[-1].answer.refusal)


def hallucination_counts(results: Sequence[CaseResult], beside: Iterable[CaseResult] = ()) -> list[tuple[int, int]]:
    """Per case how many of its answers had invented facts, of how many that were examined for them.

    An answer was examined when a check of the category ``hallucination`` gave a score, passed or not, or when it
    failed in that category. An assertion under ``with category("hallucination")`` leaves no score when it holds, so in
    a test whose failures of this category left none, every judged answer counts as examined.

    Args:
        results: one model's.
        beside: other models' results of the same tests, which may show that a test examines its answers.
    """
    everything = [*results, *beside]
    unscored = {
        result.key.test
        for result in everything
        for sample in result.judged
        if sample.category == HALLUCINATION and not _scored(sample)
    }
    counts = []
    for result in results:
        examined = [
            s for s in result.judged if result.key.test in unscored or s.category == HALLUCINATION or _scored(s)
        ]
        counts.append((sum(sample.category == HALLUCINATION for sample in examined), len(examined)))
    return counts


def _scored(sample: SampleResult) -> bool:
    return any(score.category == HALLUCINATION for score in sample.scores)


def _no_json(constant: str) -> Any:
    raise ValueError(constant)
