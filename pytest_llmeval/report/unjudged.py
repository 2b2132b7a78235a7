"""The cases that could not be judged: a few by name, many by what kept them from it."""

from __future__ import annotations

from pytest_llmeval.comparison import Comparison
from pytest_llmeval.report.lines import Line, Paper
from pytest_llmeval.report.misses import MOST_CASES, named
from pytest_llmeval.report.numbers import plural
from pytest_llmeval.report.text import first_line
from pytest_llmeval.run import CaseKey, SampleResult

__all__ = ["error_lines", "kinds_of_errors"]

_SIDES = ("baseline", "candidate")


def error_lines(paper: Paper, comparison: Comparison) -> list[Line]:
    """The cases that could not be judged, with what went wrong; of many with the same cause only the first."""
    keys = comparison.errors
    if not keys:
        return []
    lines = paper.write(f"{_count(comparison)}: not judged, so in no count above", "yellow", "bold")
    if paper.verbosity > 0 or len(keys) <= MOST_CASES:
        for key in keys:
            lines += _case(paper, comparison, key)
        return lines
    for kind, cases in kinds_of_errors(comparison).items():
        more = f" and {plural(len(cases) - 1, 'more case')}" if len(cases) > 1 else ""
        lines += paper.write(f"{kind}: {paper.clean(str(cases[0]))}{more}", indent=2, hang=2)
        lines += _reasons(paper, comparison, cases[0], indent=4)
    return [*lines, Line("  (-v names all)")]


def _count(comparison: Comparison) -> str:
    """How many tests had an error, as pytest counts them, and of how many cases."""
    cases = len(comparison.errors)
    failed = {
        side: sum((found := results.get(key)) is not None and found.outcome == "error" for key in comparison.errors)
        for side, results in (("baseline", comparison.baseline_results), ("candidate", comparison.candidate_results))
    }
    if comparison.saved and failed["baseline"]:
        return f"{plural(cases, 'case')} with an error, {failed['baseline']} of them in the saved baseline"
    tests = sum(failed.values())
    return plural(cases, "error") if tests == cases else f"{tests} errors in {plural(cases, 'case')} (both models)"


def kinds_of_errors(comparison: Comparison) -> dict[str, list[CaseKey]]:
    """The cases that could not be judged by what kept them from it, the most frequent first."""
    kinds: dict[str, list[CaseKey]] = {}
    for key in comparison.errors:
        found = [error.category for side in _SIDES if (error := _error(comparison, side, key)) is not None]
        kinds.setdefault(found[-1] or "error" if found else "error", []).append(key)
    return dict(sorted(kinds.items(), key=lambda kind: -len(kind[1])))


def _case(paper: Paper, comparison: Comparison, key: CaseKey) -> list[Line]:
    return [named(paper, "", str(key), indent=2), *_reasons(paper, comparison, key, indent=4)]


def _reasons(paper: Paper, comparison: Comparison, key: CaseKey, *, indent: int) -> list[Line]:
    lines: list[Line] = []
    for side in _SIDES:
        error = _error(comparison, side, key)
        if error is not None:
            reason = first_line(error.reason or error.category or "unknown error")
            lines += paper.write(f"{side}: {reason}", indent=indent, hang=2)
    return lines


def _error(comparison: Comparison, side: str, key: CaseKey) -> SampleResult | None:
    results = comparison.baseline_results if side == "baseline" else comparison.candidate_results
    result = results.get(key)
    samples = result.samples if result is not None else ()
    return next((sample for sample in samples if sample.outcome == "error"), None)
