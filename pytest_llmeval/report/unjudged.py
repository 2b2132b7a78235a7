"""The cases that could not be judged: a few by name, many by what kept them from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytest_llmeval.comparison import Comparison, Results
from pytest_llmeval.report.lines import Line, Paper
from pytest_llmeval.report.misses import MOST_CASES, named
from pytest_llmeval.report.next_step import after_errors
from pytest_llmeval.report.numbers import plural
from pytest_llmeval.report.text import first_line
from pytest_llmeval.run import CaseKey, CaseResult, SampleResult

__all__ = ["error_head", "error_lines", "error_lines_alone", "kinds_of_errors"]

_SIDES = ("baseline", "candidate")


def error_lines(paper: Paper, comparison: Comparison) -> list[Line]:
    """The cases that could not be judged, with what went wrong; of many with the same cause only the first."""
    lines = error_head(paper, comparison)
    kinds = {
        kind: [(str(key), _reasons(comparison, key)) for key in keys]
        for kind, keys in kinds_of_errors(comparison).items()
    }
    return lines + _grouped(paper, kinds) if lines else []


def error_head(paper: Paper, comparison: Comparison, *, indent: int = 0) -> list[Line]:
    """How many there are, in a line."""
    if not comparison.errors:
        return []
    return paper.write(f"{_count(comparison)}: not judged, so in no count above", "yellow", "bold", indent=indent)


def error_lines_alone(paper: Paper, results: Iterable[CaseResult]) -> list[Line]:
    """The same where nothing is compared."""
    several = len({result.model for result in results}) > 1
    kinds: dict[str, list[tuple[str, list[str]]]] = {}
    for result in results:
        error = _error(result) if result.outcome == "error" else None
        if error is not None:
            name = f"{result.model}: {result.key}" if several else str(result.key)
            kinds.setdefault(result.category or "error", []).append((name, [_reason(error)]))
    if not kinds:
        return []
    kinds = dict(sorted(kinds.items(), key=lambda kind: -len(kind[1])))
    number = sum(map(len, kinds.values()))
    lines = paper.write(f"{plural(number, 'error')}: not judged, so in no count above", "yellow", "bold", hang=2)
    lines += _grouped(paper, kinds)
    return lines + paper.write(f"next: {after_errors(next(iter(kinds)))}", hang=6)


def _grouped(paper: Paper, kinds: Mapping[str, Sequence[tuple[str, list[str]]]]) -> list[Line]:
    """A few cases each by name, many by what kept them from being judged."""
    lines: list[Line] = []
    if paper.verbosity > 0 or sum(map(len, kinds.values())) <= MOST_CASES:
        for name, reasons in sorted(case for cases in kinds.values() for case in cases):
            lines.append(named(paper, "", name, indent=2))
            lines += [line for reason in reasons for line in paper.write(reason, indent=4, hang=2)]
        return lines
    for kind, cases in kinds.items():
        name, reasons = cases[0]
        more = f" and {plural(len(cases) - 1, 'more case')}" if len(cases) > 1 else ""
        lines += paper.write(f"{kind}: {paper.clean(name)}{more}", indent=2, hang=2)
        lines += [line for reason in reasons for line in paper.write(reason, indent=4, hang=2)]
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
        errors = (_error(_results(comparison, side).get(key)) for side in _SIDES)
        found = [error.category for error in errors if error is not None]
        kinds.setdefault(found[-1] or "error" if found else "error", []).append(key)
    return dict(sorted(kinds.items(), key=lambda kind: -len(kind[1])))


def _reasons(comparison: Comparison, key: CaseKey) -> list[str]:
    found = ((side, _error(_results(comparison, side).get(key))) for side in _SIDES)
    return [f"{side}: {_reason(error)}" for side, error in found if error is not None]


def _results(comparison: Comparison, side: str) -> Results:
    return comparison.baseline_results if side == "baseline" else comparison.candidate_results


def _reason(error: SampleResult) -> str:
    return first_line(error.reason or error.category or "unknown error")


def _error(result: CaseResult | None) -> SampleResult | None:
    samples = result.samples if result is not None else ()
    return next((sample for sample in samples if sample.outcome == "error"), None)
