"""In what the candidate's answers differ from the baseline's, whoever is right: by kind, with the largest first."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.checks.production.disagreement import Disagreement, Kind, disagreement
from pytest_llmeval.reply import Answer
from pytest_llmeval.runs.results import CaseKey, CaseResult


class KindRow(NamedTuple):
    """The answers that differ in one way.

    Attributes:
        kind: the way.
        cases: the largest difference first.
        size: the median share of words that differ.
        failed: in how many of the cases the candidate fails.
    """

    kind: Kind
    cases: tuple[CaseKey, ...]
    size: float
    failed: int


class Disagreements(NamedTuple):
    """How two sides' answers differ.

    Attributes:
        same: cases in which both say the same.
        of: cases in which both answered.
        rows: the most frequent kind first.
    """

    same: int
    of: int
    rows: tuple[KindRow, ...]


def disagreements(comparison: Comparison) -> Disagreements:
    """The differences of a comparison, by the last answer of each side's first sample."""
    found: dict[Kind, list[tuple[float, CaseKey]]] = {}
    of = 0
    for key, differs in _each(comparison):
        of += 1
        if differs is not None:
            found.setdefault(differs.kind, []).append((differs.size, key))
    rows = [
        KindRow(
            kind,
            tuple(key for _, key in sorted(cases, key=lambda case: -case[0])),
            median(size for size, _ in cases),
            sum(comparison.candidate_results[key].outcome == "fail" for _, key in cases),
        )
        for kind, cases in found.items()
    ]
    rows.sort(key=lambda row: (-len(row.cases), row.kind))
    return Disagreements(of - sum(len(row.cases) for row in rows), of, tuple(rows))


def _each(comparison: Comparison) -> Iterator[tuple[CaseKey, Disagreement | None]]:
    for key in comparison.compared:
        old, new = (_last(side[key]) for side in (comparison.baseline_results, comparison.candidate_results))
        if old is not None and new is not None:
            yield key, disagreement(old, new)


def _last(result: CaseResult) -> Answer | None:
    calls = next((sample.product_calls for sample in result.answered if sample.product_calls), ())
    return calls[-1].answer if calls else None
