"""Models side by side, one column each, with a baseline or without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.analysis.comparison import CategoryRow, Comparison
from pytest_llmeval.analysis.measure import Figures
from pytest_llmeval.report.cases import counts, error_lines, error_lines_alone, miss_lines, not_compared_lines
from pytest_llmeval.report.figures import MEASURED, not_comparable, why_unknown
from pytest_llmeval.report.new_and_known import known_misses, new_misses
from pytest_llmeval.report.numbers import count, plural
from pytest_llmeval.report.one_line import passed_words
from pytest_llmeval.report.paper import Column, Line, Paper, clip, columns, table, table_width
from pytest_llmeval.report.sections import called_now, facts, results_of, sections
from pytest_llmeval.report.sections import sections as more_sections
from pytest_llmeval.report.verdict import (
    baseline_words,
    gate_lines,
    improved_lines,
    legend,
    mark_of,
    next_line,
    remarks,
    sight,
)
from pytest_llmeval.runs.results import CaseResult

if TYPE_CHECKING:
    from pytest_llmeval.analysis.routing import Route

NO_BASELINE = "no baseline to compare with (--llm-baseline=NAME)"


def models_alone(
    paper: Paper, models: Sequence[Figures], results: Iterable[CaseResult], *, alone: bool = False
) -> list[Line]:
    """The summary of models that nothing was compared with; it never looks like a gate that passed."""
    results = list(results)
    head = f"model {models[0].model}" if len(models) == 1 else plural(len(models), "model")
    failing = [_failing([result for result in results if result.model == figures.model]) for figures in models]
    judged = [figures.samples for figures in models]
    categories = sorted({name for found in failing for name in found}, key=lambda n: -sum(f[n] for f in failing))
    rows = [
        Row(paper.clean(name), [count(found[name], of) for found, of in zip(failing, judged, strict=True)])
        for name in categories
    ]
    resolved = [count(figures.passed, figures.passed + figures.failed) for figures in models]
    rows.append(Row("cases resolved", resolved, rule=bool(rows)))
    if any(figures.errors for figures in models):
        rows.append(Row("errors", [str(figures.errors) for figures in models]))
    rows += figure_rows(models)
    lines = paper.write(head, "bold") + facts(paper, models) + in_one_line(paper, results)
    lines += paper.write(NO_BASELINE, hang=2) if not alone else []
    errors = error_lines_alone(paper, results)
    errors = [Line(""), *errors] if errors else []
    if not any(figures.passed + figures.failed for figures in models):
        return lines + errors
    lines += [Line(""), *blocks(paper, [paper.clean(figures.model) for figures in models], rows, always=0)]
    lines += explained(paper, models)
    lines += errors
    names = [figures.model for figures in models]
    by_model = {name: [result for result in results if result.model == name] for name in names}
    for section in sections(paper, by_model, candidates=names):
        lines += [Line(""), *section]
    return lines


def in_one_line(paper: Paper, results: Iterable[CaseResult]) -> list[Line]:
    """Each model's results in a line."""
    by_model: dict[str, list[CaseResult]] = {}
    for result in results:
        by_model.setdefault(result.model, []).append(result)
    lines = []
    for name, found in by_model.items():
        front = f"{name}: " if len(by_model) > 1 else ""
        bad = all(result.outcome == "error" for result in found)
        lines += paper.write(front + passed_words(paper, found), *(("yellow", "bold") if bad else ()), hang=2)
    return lines


def _failing(results: Sequence[CaseResult]) -> Counter[str]:
    samples = [sample for result in results for sample in result.judged if sample.outcome == "fail"]
    return Counter(sample.category or "failed" for sample in samples)


_MOST_MISSES = 2


def candidates_side_by_side(
    paper: Paper, comparisons: Sequence[Comparison], routes: Sequence[Route] = ()
) -> list[Line]:
    """The whole summary of several candidates of one baseline."""
    first = comparisons[0]
    sections = [
        paper.write(f"{plural(len(comparisons), 'candidate')} vs {baseline_words(first)}", "bold")
        + sight(paper, first)
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


_SHORTEST_HEAD = 12


class Row(NamedTuple):
    """A row of the table: its name, and a cell for each model by the model's position."""

    name: str
    cells: Sequence[str]
    rule: bool = False


def ruled(rows: Sequence[Row]) -> list[Row]:
    """The rows with a rule above the first."""
    return [row._replace(rule=not index) for index, row in enumerate(rows)]


def figure_rows(models: Sequence[Figures], *, saved: str | None = None) -> list[Row]:
    """The measured figures that are known of any model.

    Args:
        models: the baseline first, if there is one.
        saved: name of the saved run the baseline comes from.
    """
    rows = [
        Row(measured.label, [measured.show(measured.value(figures)) for figures in models])
        for measured in MEASURED
        if any(measured.value(figures) is not None for figures in models)
    ]
    sources = ["live" if figures.live_figures else "recorded" for figures in models]
    if saved:
        sources[0] = "saved run"
    if rows and set(sources) != {"live"}:
        rows.append(Row("measured", sources))
    return ruled(rows)


def explained(paper: Paper, models: Sequence[Figures]) -> list[Line]:
    """Why some of the figures are not known."""
    shown = [measured for measured in MEASURED if any(measured.value(figures) is not None for figures in models)]
    text = why_unknown(shown, models)
    return paper.write(text, indent=2) if text else []


def blocks(paper: Paper, names: Sequence[str], rows: Sequence[Row], *, always: int) -> list[Line]:
    """The table, in as many pieces as the width needs, each with the first columns in it again.

    Args:
        paper: what it is written on.
        names: of the models, one column each.
        rows: the rows.
        always: how many columns stand in every piece.
    """
    labels = [row.name for row in rows]
    rules = {index for index, row in enumerate(rows) if row.rule}
    lines: list[Line] = []
    rest = list(range(always, len(names)))
    while rest:
        take = len(rest)
        while take > 1 and _body(paper, names, rows, [*range(always), *rest[:take]]) is None:
            take -= 1
        chosen = [*range(always), *rest[:take]]
        body = _body(paper, names, rows, chosen) or _columns(names, rows, chosen, _SHORTEST_HEAD)
        lines += [Line("")] if lines else []
        lines += table(paper, "", labels, body, rules=rules)
        rest = rest[take:]
    return lines


def _body(paper: Paper, names: Sequence[str], rows: Sequence[Row], chosen: Sequence[int]) -> list[Column] | None:
    """The columns with their headings as long as the width allows, None when that is too short to tell them apart."""
    labels = [row.name for row in rows]
    widest = max(_SHORTEST_HEAD, *(min(columns(names[index]), paper.width) for index in chosen))
    for longest in range(widest, _SHORTEST_HEAD - 1, -1):
        body = _columns(names, rows, chosen, longest)
        if table_width(labels, body) <= paper.width:
            apart = len({column.head for column in body}) == len({names[index] for index in chosen})
            return body if apart else None
    return None


def _columns(names: Sequence[str], rows: Sequence[Row], chosen: Sequence[int], longest: int) -> list[Column]:
    return [Column(head=clip(names[index], longest), cells=[row.cells[index] for row in rows]) for index in chosen]
