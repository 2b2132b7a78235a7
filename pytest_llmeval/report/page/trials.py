"""The cases of a session in the order in which somebody reads them, each with what happened to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, get_args

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.report.cases import known_misses, new_misses, reply_text, steps_text, takes_steps
from pytest_llmeval.runs.results import CaseKey, CaseResult, Outcome, SampleResult

State = Literal["new", "miss", "error", "unverified", "flaky", "fixed", "known", "not-compared", "pass"]
STATES: tuple[State, ...] = get_args(State)
"""Worst first. ``miss`` is a failure where nothing is compared, ``new`` one that the baseline does not have."""


class Trial(NamedTuple):
    """A case under a model on trial.

    Attributes:
        categories: of its failure, the one that it is listed under first.
        before: under the baseline; None without one.
        after: under the model on trial; None where only the baseline ran it.
    """

    key: CaseKey
    model: str
    state: State
    categories: tuple[str, ...]
    before: CaseResult | None
    after: CaseResult | None

    @property
    def result(self) -> CaseResult:
        """Of the model on trial, or else of the baseline."""
        found = self.after or self.before
        if found is None:
            raise ValueError(f"{self.key} ran under no model")
        return found


def trials_of(comparisons: Sequence[Comparison], results: Sequence[CaseResult]) -> list[Trial]:
    """The cases, worst first: within a state those of regressed categories first.

    Args:
        comparisons: one per candidate; empty without a baseline.
        results: of the session, for when nothing is compared.
    """
    trials = [trial for comparison in comparisons for trial in _compared(comparison)]
    if not comparisons:
        trials = [_alone(result) for result in results]
    rank = {state: place for place, state in enumerate(STATES)}
    return sorted(trials, key=lambda trial: rank[trial.state])


def _alone(result: CaseResult) -> Trial:
    state: State = "pass"
    if result.outcome != "pass":
        state = "miss" if result.outcome == "fail" else result.outcome
    elif any(sample.outcome != "pass" for sample in result.samples):
        state = "flaky"
    return Trial(result.key, result.model, state, _categories(result), None, result)


def _compared(comparison: Comparison) -> Iterator[Trial]:
    first: dict[CaseKey, State] = {}
    main = {}
    for category, key in new_misses(comparison):
        main[key], first[key] = category, "new"
    groups: list[tuple[State, Sequence[CaseKey]]] = [
        ("error", comparison.errors),
        ("unverified", comparison.unverified),
        ("flaky", comparison.flaky),
        ("fixed", comparison.fixed),
        ("known", known_misses(comparison)),
        ("not-compared", comparison.changed),
        ("not-compared", (*comparison.unlike, *comparison.unjudged)),
        ("not-compared", comparison.only_baseline),
        ("not-compared", comparison.only_candidate),
    ]
    for state, keys in groups:
        for key in keys:
            first.setdefault(key, state)
    before, after = comparison.baseline_results, comparison.candidate_results
    for key in dict.fromkeys((*first, *after, *before)):
        result = after.get(key)
        categories = (main[key],) if key in main else ()
        told = dict.fromkeys((*categories, *(_categories(result) if result is not None else ())))
        yield Trial(key, comparison.candidate.model, first.get(key, "pass"), tuple(told), before.get(key), result)


def _categories(result: CaseResult) -> tuple[str, ...]:
    """Of its failure or error, or else of the samples that fail in a case that passes."""
    if result.outcome == "error":
        return (result.category or "error",)
    failing = [name for sample in result.samples if sample.outcome == "fail" for name in sample.categories]
    return tuple(dict.fromkeys((*result.categories, *failing)))


class Group(NamedTuple):
    """The samples of a case with the same answer and verdict.

    Attributes:
        sample: the first of them.
        indexes: of all of them, from 0.
        steps: what an agent did, "" for a single answer.
        reply: the last answer's text, with the tools it wants called.
    """

    sample: SampleResult
    indexes: tuple[int, ...]
    steps: str
    reply: str


def groups_of(result: CaseResult | None, first: Outcome, category: str = "") -> list[Group]:
    """The samples of a case, those with the same answer and verdict as one.

    Args:
        first: the outcome that comes first.
        category: of failures that come first.
    """
    groups: dict[tuple[object, ...], Group] = {}
    for sample in result.samples if result is not None else ():
        steps = steps_text(sample) if takes_steps(sample) else ""
        reply = reply_text(sample)
        same = (sample.outcome, sample.category, sample.further, sample.reason, steps, reply)
        known = groups.get(same)
        indexes = (*known.indexes, sample.index) if known is not None else (sample.index,)
        groups[same] = Group(known.sample if known is not None else sample, indexes, steps, reply)
    return sorted(
        groups.values(),
        key=lambda each: (each.sample.outcome != first, bool(category) and category not in each.sample.categories),
    )
