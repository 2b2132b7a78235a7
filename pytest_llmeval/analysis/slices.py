"""Count one model's failures by task, tag or length of the input."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from pytest_llmeval.runs.results import CaseResult

EDGES = (1_000, 4_000, 16_000, 64_000)
"""Input tokens at which a bucket starts."""

L = TypeVar("L")


def input_tokens(result: CaseResult) -> int | None:
    """The input tokens of a case's longest call, None when unknown."""
    counts = (call.answer.usage.input_tokens for call in result.product_calls)
    return max((count for count in counts if count is not None), default=None)


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of a model's results, counted.

    Attributes:
        cases: how many were run; each wording counts.
        failed: failing samples, of ``judged`` judged ones.
    """

    cases: int = 0
    failed: int = 0
    judged: int = 0

    def add(self, result: CaseResult) -> Slice:
        """The slice with one more result."""
        failed = sum(sample.outcome == "fail" for sample in result.judged)
        return Slice(self.cases + 1, self.failed + failed, self.judged + len(result.judged))


def count_by(results: Iterable[CaseResult], names: Callable[[CaseResult], Iterable[L]]) -> dict[L, Slice]:
    """Count the results of one model by the names of the slices each is in, in order of appearance."""
    slices: dict[L, Slice] = {}
    for result in results:
        for name in names(result):
            slices[name] = slices.get(name, Slice()).add(result)
    return slices


def bucket_of(tokens: int) -> int:
    """The index of the bucket for a number of input tokens, from 0."""
    return sum(edge <= tokens for edge in EDGES)
