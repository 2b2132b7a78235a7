"""The summary of a session: the gate first, then the evidence, then what to do next."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pytest_llmeval.report.cases import (
    MOST_CASES,
    counts,
    error_head,
    error_lines,
    error_lines_alone,
    miss_lines,
    not_compared_lines,
)
from pytest_llmeval.report.category import category_cases, category_cases_alone
from pytest_llmeval.report.figures import figures_table, measures_lines
from pytest_llmeval.report.judges.judge_lines import judge_lines, judge_lines_compared
from pytest_llmeval.report.next_step import next_step, next_step_alone
from pytest_llmeval.report.numbers import count
from pytest_llmeval.report.paper import Line, Paper, joined
from pytest_llmeval.report.replies.differing import differing_cases, differing_line
from pytest_llmeval.report.replies.unverified import unverified_alone, unverified_lines
from pytest_llmeval.report.sections import billed_alone, called_now, facts, results_of, sections
from pytest_llmeval.report.several_models import alone_table, compared_table
from pytest_llmeval.report.verdict import (
    baseline_words,
    category_table,
    gate_lines,
    green_lines,
    improved_lines,
    nothing_new,
    sight,
    title,
)
from pytest_llmeval.runs.billed import NOTHING_BILLED, Billed
from pytest_llmeval.text import plural

if TYPE_CHECKING:
    from pytest_llmeval.analysis.comparison import Comparison
    from pytest_llmeval.analysis.measure import Figures
    from pytest_llmeval.analysis.routing import TaskRoute
    from pytest_llmeval.runs.results import CaseResult

NO_BASELINE = "no baseline to compare with (--llm-baseline=RUN or NAME)"
_COMMAND = re.compile(r"^(\s*):(?=:)|(?<=#)()#(?=\[|vso\[)")
_MOST_MISSES = 2  # per candidate, where there are several
_MOST_CATEGORIES = 6


def summary(
    paper: Paper,
    comparisons: Sequence[Comparison],
    figures: Sequence[Figures],
    results: Iterable[CaseResult] = (),
    *,
    routes: Sequence[TaskRoute] = (),
    alone: bool = False,
    besides: Billed = NOTHING_BILLED,
    show: Sequence[str] = (),
) -> list[Line]:
    """The report of a session.

    Args:
        paper: verbosity 1 shows every case, -1 only the gates, -2 only gates that failed.
        comparisons: one per candidate, all with the same baseline; empty without a baseline.
        figures: of every model of the session; not needed below verbosity 0.
        results: of the session, for the error categories when nothing was compared.
        routes: the recommended model for each task.
        alone: whether the model on trial is the baseline itself.
        besides: the calls that were billed and are in no result.
        show: the error categories whose cases are listed too.
    """
    results = list(results)
    step: list[Line] = []
    if paper.verbosity < 0:
        page = [_gates_alone(paper, comparisons, results)]
    elif comparisons:
        page = _compared(paper, comparisons, routes, besides)
        step = _next(paper, comparisons) if paper.verbosity == 0 else []  # with -v the session ends with it
    elif figures:
        page = _not_compared(paper, figures, results, alone, besides)
        step = next_step_alone(paper, results)
    else:
        page = [billed_alone(paper, besides)]
    for name in dict.fromkeys(show):
        page += [list_category(paper, each, name, titled=len(comparisons) > 1) for each in comparisons]
        page += [] if comparisons else [list_category_alone(paper, results, name)]
    return no_commands(joined([*page, step]))


def verdict(paper: Paper, comparisons: Sequence[Comparison]) -> list[Line]:
    """The gates and the next step, for the end of a long report; empty when nothing was compared."""
    return no_commands(_gates(paper, comparisons) + _next(paper, comparisons))


def list_category(paper: Paper, comparison: Comparison, name: str, *, titled: bool = True) -> list[Line]:
    """The cases of one error category with the changed words.

    Args:
        paper: verbosity 1 shows long replies in full, and details of the cases that fail with both models.
        comparison: of a candidate with the baseline.
        name: the error category.
        titled: whether to say first who is compared with whom.
    """
    return no_commands(category_cases(paper, comparison, name, titled=titled))


def list_category_alone(paper: Paper, results: Sequence[CaseResult], name: str) -> list[Line]:
    """The cases that fail in one error category when nothing is compared."""
    return no_commands(category_cases_alone(paper, results, name))


def list_differing(paper: Paper, comparisons: Sequence[Comparison]) -> list[Line]:
    """The cases whose replies differ after normalising, of each candidate, with the changed words."""
    several = len(comparisons) > 1
    return no_commands(joined([differing_cases(paper, each, titled=several) for each in comparisons]))


def every_measure(paper: Paper, figures: Sequence[Figures]) -> list[Line]:
    """Every measure of every model with its interval and its sample size."""
    return no_commands(measures_lines(paper, figures))


def no_commands(lines: list[Line]) -> list[Line]:
    """The lines with what a CI runner would take for a command broken up: a cut or a table may have made one."""
    return [line._replace(text=_COMMAND.sub(lambda found: (found.group(1) or "") + "|", line.text)) for line in lines]


def _compared(
    paper: Paper, comparisons: Sequence[Comparison], routes: Sequence[TaskRoute], besides: Billed
) -> list[list[Line]]:
    """The candidates of one baseline: in the rows of tables when there is one, in columns when there are several."""
    first, single = comparisons[0], len(comparisons) == 1
    if single and paper.verbosity <= 0 and nothing_new(first):
        return [green_lines(paper, first, besides) + judge_lines_compared(paper, first)]
    if single:
        head = title(paper, first)
    else:
        head = paper.write(f"{plural(len(comparisons), 'candidate')} vs {baseline_words(first)}", "bold")
    page = [
        head + sight(paper, first) + facts(paper, called_now(comparisons), besides),
        _gates(paper, comparisons, improved=True),
    ]
    compared = any(comparison.compared for comparison in comparisons)
    more = []
    if compared:
        names = [comparison.candidate.model for comparison in comparisons]
        more = sections(paper, results_of(comparisons), candidates=names, routes=routes)
    most = MOST_CASES if single else _MOST_MISSES
    misses = [[] if paper.listed else miss_lines(paper, each, most=most) for each in comparisons]
    if single and compared:
        page += [
            category_table(paper, first),
            figures_table(paper, first.baseline, first.candidate, saved=first.saved) + differing_line(paper, first),
            judge_lines_compared(paper, first),
            unverified_lines(paper, first),
            misses[0],
            *more,
            counts(paper, first),
        ]
    elif compared:
        page += [compared_table(paper, comparisons), *more]
    if single:
        page += [error_lines(paper, first), not_compared_lines(paper, first)]
    else:
        for comparison, lines in zip(comparisons, misses, strict=True):
            judged = judge_lines_compared(paper, comparison)
            body = [*judged, *unverified_lines(paper, comparison), *lines, *error_lines(paper, comparison)]
            body += counts(paper, comparison) if paper.verbosity > 0 else []
            body += not_compared_lines(paper, comparison)
            page.append([*paper.write(comparison.candidate.model, "bold"), *body] if body else [])
    return page


def _not_compared(
    paper: Paper, models: Sequence[Figures], results: Sequence[CaseResult], alone: bool, besides: Billed
) -> list[list[Line]]:
    """The models when nothing was compared; this never looks like a gate that passed."""
    head = f"model {models[0].model}" if len(models) == 1 else plural(len(models), "model")
    lines = paper.write(head, "bold") + facts(paper, models, besides) + _in_one_line(paper, results)
    lines += paper.write(NO_BASELINE, hang=2) if not alone else []
    by_model = {figures.model: [each for each in results if each.model == figures.model] for figures in models}
    judged = judge_lines(paper, by_model)
    errors = [*judged, *unverified_alone(paper, results), *error_lines_alone(paper, results)]
    if not any(figures.passed + figures.failed for figures in models):
        return [lines, errors]
    more = sections(paper, by_model, candidates=list(by_model))
    return [lines, alone_table(paper, models, by_model), errors, *more]


def _gates_alone(paper: Paper, comparisons: Sequence[Comparison], results: Iterable[CaseResult]) -> list[Line]:
    if not comparisons:
        return _in_one_line(paper, results) if paper.verbosity == -1 else []
    lines: list[Line] = []
    for each in comparisons:
        if paper.verbosity == -1 or each.gate != "passed":
            lines += gate_lines(paper, each, several=len(comparisons) > 1)
            lines += error_head(paper, each, indent=2)
    return lines


def _gates(paper: Paper, comparisons: Sequence[Comparison], *, improved: bool = False) -> list[Line]:
    several = len(comparisons) > 1
    lines: list[Line] = []
    for each in comparisons:
        lines += gate_lines(paper, each, several=several)
        lines += improved_lines(paper, each, indent=2 if several else 0) if improved else []
    return lines


def _next(paper: Paper, comparisons: Sequence[Comparison]) -> list[Line]:
    """What to do now; where the cases are listed already, only a report is left to look at."""
    return next_step(paper, comparisons) if paper.page or not paper.listed else []


def _in_one_line(paper: Paper, results: Iterable[CaseResult]) -> list[Line]:
    """Each model's results in a line."""
    by_model: dict[str, list[CaseResult]] = {}
    for result in results:
        by_model.setdefault(result.model, []).append(result)
    lines = []
    for name, found in by_model.items():
        front = f"{name}: " if len(by_model) > 1 else ""
        bad = all(result.outcome == "error" for result in found)
        lines += paper.write(front + _passed_words(paper, found), *(("yellow", "bold") if bad else ()), hang=2)
    return lines


def _passed_words(paper: Paper, results: Sequence[CaseResult]) -> str:
    """As in ``203/220 passed, length 6, format 4; 3 errors (connection 2, budget 1)``."""
    kinds = Counter(result.category or "error" for result in results if result.outcome == "error")
    errors = f"{plural(kinds.total(), 'error')} ({', '.join(_counted(paper, kinds))})"
    unverified = sum(result.outcome == "unverified" for result in results)
    judged = len(results) - kinds.total() - unverified
    if not judged and not unverified:
        return f"nothing could be judged: {errors}"
    failing = [result.categories or ("failed",) for result in results if result.outcome == "fail"]
    named = Counter(name for names in failing for name in names)
    cases = " cases" if any(len(result.samples) > 1 for result in results) else ""  # the table counts answers
    unknown = [f"{unverified} unverified"] if unverified else []
    said = ", ".join([f"{count(judged - len(failing), judged)}{cases} passed", *_counted(paper, named), *unknown])
    return f"{said}; {errors}" if kinds else said


def _counted(paper: Paper, names: Counter[str]) -> list[str]:
    words = [f"{paper.clean(name)} {number}" for name, number in names.most_common(_MOST_CATEGORIES)]
    return [*words, f"and {len(names) - _MOST_CATEGORIES} more"] if len(names) > _MOST_CATEGORIES else words
