"""One model's figures by slice: by task, and by the length of the input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pytest_llmeval.analysis.measure import Figures, measure
from pytest_llmeval.runs.results import CaseResult

EDGES = (1_000, 4_000, 16_000, 64_000)

"""Input tokens at which a bucket starts."""

L = TypeVar("L")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBucket:
    """The cases whose input is about as long.

    Attributes:
        least: the fewest input tokens, None where the provider did not say how many there were.
        most: the most input tokens, None for no limit.
        figures: of these cases.
    """

    least: int | None
    most: int | None
    figures: Figures


def by_task(model: str, results: Iterable[CaseResult]) -> dict[str | None, Figures]:
    """One model's figures per task, in order of appearance; None stands for the cases without a task."""
    groups: dict[str | None, list[CaseResult]] = {}
    for result in results:
        groups.setdefault(result.task, []).append(result)
    return {task: measure(model, group) for task, group in groups.items()}


def by_input_tokens(model: str, results: Iterable[CaseResult], edges: Sequence[int] = EDGES) -> list[TokenBucket]:
    """One model's figures by the length of the input, shortest first; empty buckets are left out.

    Args:
        model: its name.
        results: one per case.
        edges: input tokens at which a bucket starts, ascending and above 0; one starts at 0 as well.

    Raises:
        ValueError: the edges do not ascend or are not above 0.
    """
    if list(edges) != sorted(set(edges)) or any(edge < 1 for edge in edges):
        raise ValueError(f"buckets were asked for at {list(edges)} input tokens; the edges ascend and are above 0")
    groups: dict[int | None, list[CaseResult]] = {}
    for result in results:
        tokens = input_tokens(result)
        place = None if tokens is None else bucket_of(tokens, edges)
        groups.setdefault(place, []).append(result)
    starts, ends = (0, *edges), (*(edge - 1 for edge in edges), None)
    buckets = [
        TokenBucket(least=starts[place], most=ends[place], figures=measure(model, groups[place]))
        for place in range(len(starts))
        if place in groups
    ]
    if None in groups:
        buckets.append(TokenBucket(least=None, most=None, figures=measure(model, groups[None])))
    return buckets


def input_tokens(result: CaseResult) -> int | None:
    """The input tokens of a case's longest call, None when the provider never said."""
    counts = (call.answer.usage.input_tokens for sample in result.samples for call in sample.calls)
    return max((count for count in counts if count is not None), default=None)


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of a model's results, counted.

    Attributes:
        cases: how many were run, each wording one.
        failed: failing samples, of ``judged`` judged ones.
    """

    cases: int = 0
    failed: int = 0
    judged: int = 0

    def add(self, result: CaseResult) -> Slice:
        """With one more result in it."""
        failed = sum(sample.outcome == "fail" for sample in result.judged)
        return Slice(self.cases + 1, self.failed + failed, self.judged + len(result.judged))


def count_by(results: Iterable[CaseResult], names: Callable[[CaseResult], Iterable[L]]) -> dict[L, Slice]:
    """Count results by what they are named, in order of appearance.

    Args:
        results: of one model.
        names: the slices a result is in.
    """
    slices: dict[L, Slice] = {}
    for result in results:
        for name in names(result):
            slices[name] = slices.get(name, Slice()).add(result)
    return slices


def bucket_of(tokens: int, edges: Sequence[int] = EDGES) -> int:
    """The place of the bucket that holds so many input tokens, from 0."""
    return sum(edge <= tokens for edge in edges)
