"""Which failing cases are new and which are known: every one that fails now is one of the two, never both."""

from __future__ import annotations

from pytest_llmeval.analysis.comparison import Comparison
from pytest_llmeval.runs.results import CaseKey, CaseResult


def new_misses(comparison: Comparison) -> list[tuple[str, CaseKey]]:
    """The cases that fail anew, or in another way, with their category; those of gated regressions first."""
    rows = sorted(comparison.rows, key=lambda row: not (row.word == "REGRESSED" and row.gated))
    misses: dict[CaseKey, str] = {}
    for row in rows:
        for key in row.new:
            misses.setdefault(key, row.name)
    for key in comparison.new:
        misses.setdefault(key, _category(comparison.candidate_results.get(key)))
    return [(name, key) for key, name in misses.items()]


def known_misses(comparison: Comparison) -> list[CaseKey]:
    """The cases that fail as they did with the baseline."""
    new = {key for _, key in new_misses(comparison)}
    return [key for key in comparison.known if key not in new]


def _category(result: CaseResult | None) -> str:
    return (result and result.category) or "failed"
