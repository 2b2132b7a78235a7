"""Several models side by side, one column each: beside a baseline, or without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_llmeval.comparison import CategoryRow, Comparison
from pytest_llmeval.report.figures import not_comparable
from pytest_llmeval.report.lines import Line, Paper
from pytest_llmeval.report.misses import counts, miss_lines, not_compared_lines
from pytest_llmeval.report.new_and_known import known_misses, new_misses
from pytest_llmeval.report.numbers import count, plural
from pytest_llmeval.report.one import baseline_words, gate_lines, improved_lines, legend, mark_of, next_line, remarks
from pytest_llmeval.report.sections import results_of
from pytest_llmeval.report.sections import sections as more_sections
from pytest_llmeval.report.session import called_now, facts
from pytest_llmeval.report.side_by_side import Row, blocks, explained, figure_rows, ruled
from pytest_llmeval.report.unjudged import error_lines

if TYPE_CHECKING:
    from pytest_llmeval.routing import Route

__all__ = ["candidates_side_by_side", "next_of"]

_MOST_MISSES = 2


def candidates_side_by_side(
    paper: Paper, comparisons: Sequence[Comparison], routes: Sequence[Route] = ()
) -> list[Line]:
    """The whole summary of several candidates of one baseline."""
    first = comparisons[0]
    sections = [
        paper.write(f"{plural(len(comparisons), 'candidate')} vs {baseline_words(first)}", "bold")
        + facts(paper, called_now(comparisons)),
        [line for each in comparisons for line in _gate(paper, each)],
    ]
    if any(comparison.compared for comparison in comparisons):
        names = [comparison.candidate.model for comparison in comparisons]
        sections.append(_compared_table(paper, comparisons))
        sections += more_sections(paper, results_of(comparisons), candidates=names, routes=routes)
    for comparison in comparisons:
        misses = [] if paper.listed else miss_lines(paper, comparison, most=_MOST_MISSES)
        body = [*misses, *error_lines(paper, comparison)]
        body += [*(counts(paper, comparison) if paper.verbosity > 0 else []), *not_compared_lines(paper, comparison)]
        if body:
            sections.append([*paper.write(comparison.candidate.model, "bold"), *body])
    sections.append([] if paper.listed or paper.verbosity > 0 else next_of(paper, comparisons))
    lines: list[Line] = []
    for section in sections:
        lines += [Line(""), *section] if lines and section else section
    return lines


def _gate(paper: Paper, comparison: Comparison) -> list[Line]:
    lines = gate_lines(paper, comparison, name=comparison.candidate.model)
    return lines + improved_lines(paper, comparison, indent=2)


def next_of(paper: Paper, comparisons: Sequence[Comparison]) -> list[Line]:
    """What to do now, by the comparison that needs it most."""
    order = {"failed": 0, "not evaluated": 1, "passed": 2}
    found = (next_line(paper, each) for each in sorted(comparisons, key=lambda each: order[each.gate]))
    return next((lines for lines in found if lines), [])


def _compared_table(paper: Paper, comparisons: Sequence[Comparison]) -> list[Line]:
    first = comparisons[0]
    models = [first.baseline, *(comparison.candidate for comparison in comparisons)]
    categories = list(dict.fromkeys(row.name for comparison in comparisons for row in comparison.rows))
    by_name = [{row.name: row for row in comparison.rows} for comparison in comparisons]
    rows = []
    marks: list[str] = []
    for name in categories:
        found = [by.get(name) for by in by_name]
        marks += [mark_of(row) for row in found if row]
        before = _before(max((row for row in found if row), key=_judged))
        rows.append(Row(paper.clean(name), [before, *(_after(row) for row in found)]))
    total = [_after(comparison.total) for comparison in comparisons]
    before = _before(max((each.total for each in comparisons), key=_judged))
    rows.append(Row("any failure", [before, *total], rule=bool(categories)))
    rows += _case_rows(comparisons)
    rows += figure_rows(models, saved=first.saved)
    rows.append(Row("gate", ["", *map(_gate_word, comparisons)], rule=True))
    names = [paper.clean(figures.model) for figures in models]
    lines = blocks(paper, names, rows, always=1)
    for comparison in comparisons:
        for text in remarks(paper, comparison):
            lines += paper.write(f"{comparison.candidate.model}: {text}", indent=2, hang=2)
    lines += legend(paper, marks) + explained(paper, models)
    reasons: dict[str, None] = {}
    for comparison in comparisons:
        reason = not_comparable(comparison.baseline, comparison.candidate, saved=comparison.saved)
        reasons[reason] = None
    for reason in filter(None, reasons):
        lines += paper.write(reason, indent=2, hang=2)
    return lines


def _case_rows(comparisons: Sequence[Comparison]) -> list[Row]:
    groups = {
        "new misses": [len(new_misses(comparison)) for comparison in comparisons],
        "known misses": [len(known_misses(comparison)) for comparison in comparisons],
        "fixed": [len(comparison.fixed) for comparison in comparisons],
        "flaky": [len(comparison.flaky) for comparison in comparisons],
        "errors": [len(comparison.errors) for comparison in comparisons],
    }
    rows = [Row(name, ["", *map(str, numbers)]) for name, numbers in groups.items() if any(numbers)]
    return ruled(rows)


def _gate_word(comparison: Comparison) -> str:
    unsettled = comparison.gate == "passed" and any(mark_of(row) == "~" for row in comparison.rows)
    return "~ ok" if unsettled else {"failed": "FAILED", "passed": "ok", "not evaluated": "not eval."}[comparison.gate]


def _before(row: CategoryRow) -> str:
    return count(row.baseline_failed, row.baseline_judged)


def _judged(row: CategoryRow) -> int:
    return row.baseline_judged


def _after(row: CategoryRow | None) -> str:
    if row is None:
        return "-"
    return f"{mark_of(row)} {count(row.candidate_failed, row.candidate_judged)}".strip()
