"""What is gated besides each error category: lost answers by kind, groups of cases, and all categories together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_llmeval.analysis.comparison import Results
from pytest_llmeval.runs.results import CaseKey, CaseResult
from pytest_llmeval.stats.outcomes import ERROR_PREFIX, K, SampleOutcome, Table
from pytest_llmeval.stats.strata import Stratum

if TYPE_CHECKING:
    from pytest_llmeval.stats.gate import CategoryRule  # with seven modules that only a baseline needs

TASK, TAG = "task:", "tag:"
"""What the names of groups begin with."""

TOGETHER = "all categories together"
"""The name under which failures in any gated category are judged."""

_NOT_IN_IT = Stratum(0, 0, 0, 0)


def group_strata(
    by: Collection[str], cases: Sequence[CaseKey], results: Results, failures: Sequence[Stratum]
) -> dict[str, tuple[Stratum, ...]]:
    """How often the cases of each group fail in any category.

    Args:
        by: what makes groups: ``task``, ``tag``; anything else makes none.
        cases: those that are compared.
        results: of the candidate.
        failures: any failure of each case.

    Returns:
        By group, as in ``task:billing``, one stratum per case: 0 of 0 where the case is not in it.
    """
    names = [tuple(_groups(by, results[key])) for key in cases]
    return {
        name: tuple(
            stratum if name in of_case else _NOT_IN_IT for of_case, stratum in zip(names, failures, strict=True)
        )
        for name in sorted({name for of_case in names for name in of_case})
    }


def _groups(by: Collection[str], result: CaseResult) -> Iterator[str]:
    if "task" in by and result.task:
        yield TASK + result.task
    if "tag" in by:
        yield from (TAG + tag for tag in result.tags)


def together(
    cases: Sequence[K],
    sides: tuple[Mapping[K, Sequence[SampleOutcome]], Mapping[K, Sequence[SampleOutcome]]],
    rules: Mapping[str, CategoryRule],
    alone: Mapping[str, Sequence[Stratum]],
) -> tuple[Stratum, ...] | None:
    """How often each case fails in any of the gated categories; None where a single category says that already.

    Many categories may rise by too little to be seen in any of them. A category whose rise is allowed does not count.

    Args:
        cases: those that are compared.
        sides: the samples of both, by case.
        rules: by error category.
        alone: the strata of each category.
    """
    counted = {name for name, rule in rules.items() if rule.gated and rule.max_increase is None}
    before, after = sides
    strata = tuple(Stratum(*_failing_in(before[key], counted), *_failing_in(after[key], counted)) for key in cases)
    return None if any(tuple(alone[name]) == strata for name in counted) or not counted else strata


def _failing_in(samples: Sequence[SampleOutcome], counted: set[str]) -> tuple[int, int]:
    judged = [sample for sample in samples if sample.error is None]
    return sum(not counted.isdisjoint(sample.categories) for sample in judged), len(judged)


def fails_in(result: CaseResult, name: str) -> bool:
    """Whether a case fails in an error category, lost an answer by a kind of error, or fails in a group.

    Args:
        name: the category, as in ``hallucination``, ``error:timeout``, ``task:billing`` or ``tag:eu``.
    """
    if name in result.categories:
        return True
    if name.startswith(ERROR_PREFIX):
        kind = name.removeprefix(ERROR_PREFIX)
        return any(sample.outcome == "error" and (sample.category or "unknown") == kind for sample in result.samples)
    return result.outcome == "fail" and name in _groups(("task", "tag"), result)


def lost_as_failures(table: Table[K]) -> dict[str, tuple[Stratum, ...]]:
    """The strata of every error category if each answer that was lost had failed in it, on both sides."""
    kinds = [rows for name, rows in table.categories.items() if name.startswith(ERROR_PREFIX)]
    lost = [
        (sum(row.errors_baseline for row in rows), sum(row.errors_candidate for row in rows))
        for rows in zip(*kinds, strict=True)
    ]
    return {
        name: tuple(
            Stratum(y + before, n_b + before, x + after, n_c + after)
            for (y, n_b, x, n_c), (before, after) in zip(rows, lost, strict=True)
        )
        for name, rows in table.categories.items()
        if lost and name != TOGETHER and not name.startswith(ERROR_PREFIX)
    }


def lost_words(table: Table[K]) -> str:
    """How many answers were lost on each side, by kind; "" when none was."""
    kinds: Mapping[str, Sequence[Stratum]] = {
        name.removeprefix(ERROR_PREFIX): rows
        for name, rows in table.categories.items()
        if name.startswith(ERROR_PREFIX)
    }
    sides = []
    for side, failed, asked in (("candidate", 2, 3), ("baseline", 0, 1)):
        counts = {kind: sum(row[failed] for row in rows) for kind, rows in kinds.items()}
        if any(counts.values()):
            total = max(sum(row[asked] for row in rows) for rows in kinds.values())
            told = ", ".join(f"{kind} {count}" for kind, count in counts.items() if count)
            sides.append(f"{sum(counts.values())} of {total} answers of the {side} were lost ({told})")
    return " and ".join(sides)
