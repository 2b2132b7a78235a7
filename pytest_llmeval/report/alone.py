"""The summary of models that nothing was compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pytest_llmeval.measure import Figures
from pytest_llmeval.report.lines import Line, Paper
from pytest_llmeval.report.numbers import count, plural
from pytest_llmeval.report.one_line import passed_words
from pytest_llmeval.report.sections import sections
from pytest_llmeval.report.session import facts
from pytest_llmeval.report.side_by_side import Row, blocks, explained, figure_rows
from pytest_llmeval.report.unjudged import error_lines_alone
from pytest_llmeval.run import CaseResult

__all__ = ["in_one_line", "models_alone"]

NO_BASELINE = "no baseline to compare with (--llm-baseline=NAME)"


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
        Row(paper.clean(name), [count(found[name], of) for found, of in zip(failing, judged, strict=True)])
        for name in categories
    ]
    resolved = [count(figures.passed, figures.passed + figures.failed) for figures in models]
    rows.append(Row("cases resolved", resolved, rule=bool(rows)))
    if any(figures.errors for figures in models):
        rows.append(Row("errors", [str(figures.errors) for figures in models]))
    rows += figure_rows(models)
    lines = paper.write(head, "bold") + facts(paper, models) + in_one_line(paper, results)
    lines += paper.write(NO_BASELINE, hang=2) if alone is None else []
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
