"""Several models side by side, one column each: beside a baseline, or without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pytest_llmeval.comparison import CategoryRow, Comparison
from pytest_llmeval.measure import Figures
from pytest_llmeval.report.figures import MEASURED, not_comparable, why_unknown
from pytest_llmeval.report.lines import Line, Paper, clip, columns
from pytest_llmeval.report.misses import counts, miss_lines, new_misses, not_compared_lines
from pytest_llmeval.report.numbers import count, plural
from pytest_llmeval.report.one import baseline_words, gate_lines, improved_lines, legend, mark_of, next_line, remarks
from pytest_llmeval.report.sections import results_of
from pytest_llmeval.report.sections import sections as more_sections
from pytest_llmeval.report.session import called_now, facts
from pytest_llmeval.report.table import Column, table, table_width
from pytest_llmeval.report.unjudged import error_lines
from pytest_llmeval.routing import Route
from pytest_llmeval.run import CaseResult

__all__ = ["candidates_side_by_side", "models_alone", "why_not_compared"]

_SHORTEST_HEAD = 12
_MOST_MISSES = 2


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table: its name, and a cell for each model by the model's position."""

    name: str
    cells: Sequence[str]
    rule: bool = False


def candidates_side_by_side(
    paper: Paper, comparisons: Sequence[Comparison], routes: Sequence[Route] = ()
) -> list[Line]:
    """The whole summary of several candidates of one baseline."""
    first = comparisons[0]
    sections = [
        paper.write(f"{plural(len(comparisons), 'candidate')} vs {baseline_words(first)}", "bold")
        + facts(paper, called_now(comparisons)),
        [line for each in comparisons for line in _gate(paper, each)],
        _compared_table(paper, comparisons),
        *more_sections(
            paper,
            results_of(comparisons),
            candidates=[comparison.candidate.model for comparison in comparisons],
            routes=routes,
        ),
    ]
    for comparison in comparisons:
        body = [*miss_lines(paper, comparison, most=_MOST_MISSES), *error_lines(paper, comparison)]
        body += [*(counts(paper, comparison) if paper.verbosity > 0 else []), *not_compared_lines(paper, comparison)]
        if body:
            sections.append([*paper.write(comparison.candidate.model, "bold"), *body])
    sections.append(_next(paper, comparisons))
    lines: list[Line] = []
    for section in sections:
        lines += [Line(""), *section] if lines and section else section
    return lines


def _gate(paper: Paper, comparison: Comparison) -> list[Line]:
    lines = gate_lines(paper, comparison, name=comparison.candidate.model)
    return lines + improved_lines(paper, comparison, indent=2)


def _next(paper: Paper, comparisons: Sequence[Comparison]) -> list[Line]:
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
        rows.append(_Row(paper.clean(name), [before, *(_after(row) for row in found)]))
    total = [_after(comparison.total) for comparison in comparisons]
    before = _before(max((each.total for each in comparisons), key=_judged))
    rows.append(_Row("any failure", [before, *total], rule=bool(categories)))
    rows += _case_rows(comparisons)
    rows += _figure_rows(models, saved=first.saved)
    verdicts = {"failed": "FAILED", "passed": "ok", "not evaluated": "not eval."}
    rows.append(_Row("gate", ["", *(verdicts[comparison.gate] for comparison in comparisons)], rule=True))
    names = [paper.clean(figures.model) for figures in models]
    lines = _blocks(paper, names, rows, always=1)
    for comparison in comparisons:
        for text in remarks(paper, comparison):
            lines += paper.write(f"{comparison.candidate.model}: {text}", indent=2, hang=2)
    lines += legend(paper, marks) + _explained(paper, models)
    reasons: dict[str, None] = {}
    for comparison in comparisons:
        reason = not_comparable(comparison.baseline, comparison.candidate, saved=comparison.saved)
        reasons[reason] = None
    for reason in filter(None, reasons):
        lines += paper.write(reason, indent=2, hang=2)
    return lines


def _case_rows(comparisons: Sequence[Comparison]) -> list[_Row]:
    groups = {
        "new misses": [len(new_misses(comparison)) for comparison in comparisons],
        "known misses": [len(comparison.known) for comparison in comparisons],
        "fixed": [len(comparison.fixed) for comparison in comparisons],
        "flaky": [len(comparison.flaky) for comparison in comparisons],
        "errors": [len(comparison.errors) for comparison in comparisons],
    }
    rows = [_Row(name, ["", *map(str, numbers)]) for name, numbers in groups.items() if any(numbers)]
    return _ruled(rows)


def _ruled(rows: Sequence[_Row]) -> list[_Row]:
    """The rows with a rule above the first."""
    return [replace(row, rule=not index) for index, row in enumerate(rows)]


def _before(row: CategoryRow) -> str:
    return count(row.baseline_failed, row.baseline_judged)


def _judged(row: CategoryRow) -> int:
    return row.baseline_judged


def _after(row: CategoryRow | None) -> str:
    if row is None:
        return "-"
    return f"{mark_of(row)} {count(row.candidate_failed, row.candidate_judged)}".strip()


def _figure_rows(models: Sequence[Figures], *, saved: str | None = None) -> list[_Row]:
    rows = [
        _Row(measured.label, [measured.show(measured.value(figures)) for figures in models])
        for measured in MEASURED
        if any(measured.value(figures) is not None for figures in models)
    ]
    sources = ["live" if figures.live_figures else "recorded" for figures in models]
    if saved:
        sources[0] = "saved run"
    if rows and set(sources) != {"live"}:
        rows.append(_Row("measured", sources))
    return _ruled(rows)


def _explained(paper: Paper, models: Sequence[Figures]) -> list[Line]:
    shown = [measured for measured in MEASURED if any(measured.value(figures) is not None for figures in models)]
    text = why_unknown(shown, models)
    return paper.write(text, indent=2) if text else []


def _blocks(paper: Paper, names: Sequence[str], rows: Sequence[_Row], *, always: int) -> list[Line]:
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


def _body(paper: Paper, names: Sequence[str], rows: Sequence[_Row], chosen: Sequence[int]) -> list[Column] | None:
    """The columns with their headings as long as the width allows, None when that is too short to tell them apart."""
    labels = [row.name for row in rows]
    widest = max(_SHORTEST_HEAD, *(columns(names[index]) for index in chosen))
    for longest in range(widest, _SHORTEST_HEAD - 1, -1):
        body = _columns(names, rows, chosen, longest)
        if table_width(labels, body) <= paper.width:
            apart = len({column.head for column in body}) == len({names[index] for index in chosen})
            return body if apart else None
    return None


def _columns(names: Sequence[str], rows: Sequence[_Row], chosen: Sequence[int], longest: int) -> list[Column]:
    return [Column(head=clip(names[index], longest), cells=[row.cells[index] for row in rows]) for index in chosen]


def why_not_compared(alone: str | None) -> str:
    """Why there is no comparison.

    Args:
        alone: the model on trial if it is the baseline itself.
    """
    if alone is None:
        return "not compared: no baseline (use --llm-baseline=NAME)"
    return f"not compared: {alone} is the baseline itself (--llm-model=NAME puts another model on trial)"


def models_alone(
    paper: Paper, models: Sequence[Figures], results: Iterable[CaseResult], *, alone: str | None = None
) -> list[Line]:
    """The summary of models that nothing was compared with; it never looks like a gate that passed."""
    results = list(results)
    head = f"model {models[0].model}" if len(models) == 1 else plural(len(models), "model")
    failing = [_failing([result for result in results if result.model == figures.model]) for figures in models]
    judged = [figures.samples for figures in models]
    categories = sorted({name for found in failing for name in found}, key=lambda n: -sum(f[n] for f in failing))
    rows = [
        _Row(paper.clean(name), [count(found[name], of) for found, of in zip(failing, judged, strict=True)])
        for name in categories
    ]
    resolved = [count(figures.passed, figures.passed + figures.failed) for figures in models]
    rows.append(_Row("cases resolved", resolved, rule=bool(rows)))
    if any(figures.errors for figures in models):
        rows.append(_Row("errors", [str(figures.errors) for figures in models]))
    rows += _figure_rows(models)
    lines = paper.write(head, "bold") + facts(paper, models)
    lines += paper.write(why_not_compared(alone), "yellow", hang=2)
    lines += [Line(""), *_blocks(paper, [paper.clean(figures.model) for figures in models], rows, always=0)]
    lines += _explained(paper, models)
    names = [figures.model for figures in models]
    by_model = {name: [result for result in results if result.model == name] for name in names}
    for section in more_sections(paper, by_model, candidates=names):
        lines += [Line(""), *section]
    return lines


def _failing(results: Sequence[CaseResult]) -> Counter[str]:
    samples = [sample for result in results for sample in result.judged if sample.outcome == "fail"]
    return Counter(sample.category or "failed" for sample in samples)
