"""Tables with a column for each model, with a baseline or without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pytest_llmeval.analysis.comparison import CategoryRow, Comparison
from pytest_llmeval.analysis.examined import total_in, untraced_in, with_untraced
from pytest_llmeval.analysis.measure import Figures
from pytest_llmeval.report.cases import known_misses, new_misses
from pytest_llmeval.report.figures import not_comparable, shown_of, why_unknown
from pytest_llmeval.report.numbers import count, percentage
from pytest_llmeval.report.paper import Column, Line, Paper, clip, columns, table, table_width
from pytest_llmeval.report.verdict import legend, mark_of, remarks
from pytest_llmeval.runs.results import CaseResult

_SHORTEST_HEAD = 12


class ModelsRow(NamedTuple):
    """A row of a table: its name, and a cell for each model."""

    name: str
    cells: Sequence[str]
    rule: bool = False


def alone_table(paper: Paper, models: Sequence[Figures], results: Mapping[str, Sequence[CaseResult]]) -> list[Line]:
    """Failing samples by error category, and the figures, of models that were not compared."""
    counted = failing_by_category([results[figures.model] for figures in models])
    rows = [ModelsRow(paper.clean(name), [count(*each) for each in counts]) for name, counts in counted.items()]
    resolved = [count(figures.passed, figures.passed + figures.failed) for figures in models]
    rows.append(ModelsRow("cases resolved", resolved, rule=bool(rows)))
    if any(figures.errors for figures in models):
        rows.append(ModelsRow("errors", [str(figures.errors) for figures in models]))
    rows += _figure_rows(models)
    return [
        *blocks(paper, [paper.clean(figures.model) for figures in models], rows, always=0),
        *why_unknown(paper, models),
    ]


def failing_by_category(models: Sequence[Sequence[CaseResult]]) -> dict[str, list[tuple[int, int]]]:
    """How many answers of each model failed in each category, of how many; the most frequent first."""
    untraced = untraced_in([result for results in models for result in results])
    seen = [[with_untraced(result, untraced) for result in results] for results in models]
    failing = [sample for found in seen for result in found for sample in result.judged if sample.outcome == "fail"]
    names = Counter(name for sample in failing for name in sample.categories)
    return {name: [total_in(found, name) for found in seen] for name, _ in names.most_common()}


def compared_table(paper: Paper, comparisons: Sequence[Comparison]) -> list[Line]:
    """The baseline and its candidates: error categories, kinds of cases, figures and gates, with remarks."""
    first = comparisons[0]
    models = [first.baseline, *(comparison.candidate for comparison in comparisons)]
    rows = [row._replace(name=paper.clean(row.name)) for row in category_rows(comparisons)]
    rows += _case_rows(comparisons)
    rows += _figure_rows(models, saved=first.saved)
    shares = [percentage(each.differing.share.value) if each.differing else "-" for each in comparisons]
    rows += [ModelsRow("replies differ", ["", *shares])] if any(each.differing for each in comparisons) else []
    rows.append(ModelsRow("gate", ["", *map(gate_word, comparisons)], rule=True))
    lines = blocks(paper, [paper.clean(figures.model) for figures in models], rows, always=1)
    for comparison in comparisons:
        for text in remarks(paper, comparison):
            lines += paper.write(f"{comparison.candidate.model}: {text}", indent=2, hang=2)
    lines += legend(paper, [mark_of(row) for each in comparisons for row in each.rows])
    lines += why_unknown(paper, models)
    reasons = [not_comparable(each.baseline, each.candidate, saved=each.saved) for each in comparisons]
    for reason in dict.fromkeys(filter(None, reasons)):
        lines += paper.write(reason, indent=2, hang=2)
    return lines


def category_rows(comparisons: Sequence[Comparison]) -> list[ModelsRow]:
    """The failing answers of the baseline and of each candidate by category, worst first, then of any failure."""
    by_name = [{row.name: row for row in comparison.rows} for comparison in comparisons]
    found = {name: [by.get(name) for by in by_name] for name in dict.fromkeys(name for by in by_name for name in by)}
    worst_first = sorted(found.items(), key=lambda row: _rank([each for each in row[1] if each]))
    rows = [ModelsRow(name, _cells(row)) for name, row in worst_first]
    return [*rows, ModelsRow("any failure", _cells([each.total for each in comparisons]), rule=bool(rows))]


def _rank(rows: Sequence[CategoryRow]) -> tuple[int, float]:
    """By the worst candidate, as in the table of one."""
    return min("!~ ".index(mark_of(row)) for row in rows), -max(row.change for row in rows)


def _cells(rows: Sequence[CategoryRow | None]) -> list[str]:
    """The baseline's count where it is out of most samples, then each candidate's."""
    most = max((row for row in rows if row), key=lambda row: row.baseline_judged)
    return [
        count(most.baseline_failed, most.baseline_judged),
        *(
            f"{mark_of(row)} {count(row.candidate_failed, row.candidate_judged)}".strip() if row else "-"
            for row in rows
        ),
    ]


def _case_rows(comparisons: Sequence[Comparison]) -> list[ModelsRow]:
    groups = {
        "new misses": [len(new_misses(comparison)) for comparison in comparisons],
        "known misses": [len(known_misses(comparison)) for comparison in comparisons],
        "fixed": [len(comparison.fixed) for comparison in comparisons],
        "flaky": [len(comparison.flaky) for comparison in comparisons],
        "errors": [len(comparison.errors) for comparison in comparisons],
    }
    return _ruled([ModelsRow(name, ["", *map(str, numbers)]) for name, numbers in groups.items() if any(numbers)])


def gate_word(comparison: Comparison) -> str:
    """The gate in a word, ``~ ok`` where something is unsettled."""
    unsettled = comparison.gate == "passed" and any(mark_of(row) == "~" for row in comparison.rows)
    return "~ ok" if unsettled else {"failed": "FAILED", "passed": "ok", "not evaluated": "not eval."}[comparison.gate]


def _figure_rows(models: Sequence[Figures], *, saved: str | None = None) -> list[ModelsRow]:
    """The figures known of any model; the first model is the saved run, if there is one."""
    rows = [ModelsRow(each.label, [each.show(each.value(figures)) for figures in models]) for each in shown_of(models)]
    sources = ["live" if figures.live_figures else "recorded" for figures in models]
    if saved:
        sources[0] = "saved run"
    if rows and set(sources) != {"live"}:
        rows.append(ModelsRow("measured", sources))
    return _ruled(rows)


def _ruled(rows: Sequence[ModelsRow]) -> list[ModelsRow]:
    """The rows with a rule above the first."""
    return [row._replace(rule=not index) for index, row in enumerate(rows)]


def blocks(paper: Paper, names: Sequence[str], rows: Sequence[ModelsRow], *, always: int) -> list[Line]:
    """Lay out a table in as many pieces as the width requires.

    Args:
        paper: the terminal.
        names: of the models, one column each.
        rows: one cell per model.
        always: how many of the first columns each piece repeats.
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


def _body(paper: Paper, names: Sequence[str], rows: Sequence[ModelsRow], chosen: Sequence[int]) -> list[Column] | None:
    """The columns with headings as long as the width allows, None when that is too short to tell them apart."""
    labels = [row.name for row in rows]
    widest = max(_SHORTEST_HEAD, *(min(columns(names[index]), paper.width) for index in chosen))
    for longest in range(widest, _SHORTEST_HEAD - 1, -1):
        body = _columns(names, rows, chosen, longest)
        if table_width(labels, body) <= paper.width:
            apart = len({column.head for column in body}) == len({names[index] for index in chosen})
            return body if apart else None
    return None


def _columns(names: Sequence[str], rows: Sequence[ModelsRow], chosen: Sequence[int], longest: int) -> list[Column]:
    return [Column(head=clip(names[index], longest), cells=[row.cells[index] for row in rows]) for index in chosen]
