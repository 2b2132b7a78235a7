"""The summary a session ends with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pytest_llmeval.report.paper import Line, Paper

if TYPE_CHECKING:
    from pytest_llmeval.analysis.comparison import Comparison
    from pytest_llmeval.analysis.measure import Figures
    from pytest_llmeval.analysis.routing import Route
    from pytest_llmeval.runs.results import CaseResult

_COMMAND = re.compile(r"^(\s*):(?=:)|(?<=#)()#(?=\[|vso\[)")

PAPER = Paper()


def summary(
    comparisons: Sequence[Comparison],
    figures: Sequence[Figures],
    results: Iterable[CaseResult] = (),
    paper: Paper = PAPER,
    *,
    routes: Sequence[Route] = (),
    alone: bool = False,
) -> list[Line]:
    """The report of a session as lines.

    Args:
        comparisons: one per candidate, all with the same baseline; empty when there is no baseline.
        figures: every model of the session; not needed below verbosity 0.
        results: the session's results, for the error categories when nothing was compared.
        paper: verbosity 1 shows every case, -1 the gates alone, -2 only a gate that failed.
        routes: which model for which task.
        alone: whether the model on trial is the baseline itself.
    """
    if paper.verbosity < 0:
        lines = _gates_alone(paper, comparisons, results)
    elif len(comparisons) == 1:
        from pytest_llmeval.report.verdict import one_candidate

        lines = one_candidate(paper, comparisons[0], routes)
    elif comparisons:
        from pytest_llmeval.report.several_models import candidates_side_by_side

        lines = candidates_side_by_side(paper, comparisons, routes)
    elif figures:
        from pytest_llmeval.report.several_models import models_alone

        lines = models_alone(paper, figures, results, alone=alone)
    else:
        lines = []
    return no_commands(lines)


def list_category(
    comparisons: Sequence[Comparison], results: Sequence[CaseResult], name: str, paper: Paper = PAPER
) -> list[Line]:
    """The cases of one error category with the changed words, or, where nothing is compared, those that fail in it.

    Args:
        comparisons: one per candidate.
        results: the session's results.
        name: the error category.
        paper: verbosity 1 shows long replies whole and the cases that fail under both in detail.
    """
    from pytest_llmeval.report.category import category_cases, category_cases_alone

    lines = [line for comparison in comparisons for line in category_cases(paper, comparison, name)]
    return no_commands(lines if comparisons else category_cases_alone(paper, results, name))


def verdict(comparisons: Sequence[Comparison], paper: Paper = PAPER) -> list[Line]:
    """The gates and what to do next, for the end of a long report; nothing where nothing was compared."""
    from pytest_llmeval.report.several_models import next_of
    from pytest_llmeval.report.verdict import gate_lines

    names = [each.candidate.model if len(comparisons) > 1 else "" for each in comparisons]
    lines = [line for each, name in zip(comparisons, names, strict=True) for line in gate_lines(paper, each, name=name)]
    return no_commands(lines if paper.listed else lines + next_of(paper, comparisons))


def every_measure(figures: Sequence[Figures], paper: Paper = PAPER) -> list[Line]:
    """Every measure of every model with its interval and what it rests on."""
    from pytest_llmeval.report.figures import measures_lines

    return no_commands(measures_lines(paper, figures))


def no_commands(lines: list[Line]) -> list[Line]:
    """The lines, none of which a CI runner takes for a command: a cut or a table may have made one of harmless text."""
    return [line._replace(text=_COMMAND.sub(lambda found: (found.group(1) or "") + "|", line.text)) for line in lines]


def _gates_alone(paper: Paper, comparisons: Sequence[Comparison], results: Iterable[CaseResult]) -> list[Line]:
    if not comparisons:
        from pytest_llmeval.report.several_models import in_one_line

        return in_one_line(paper, results) if paper.verbosity == -1 else []
    from pytest_llmeval.report.cases import error_head
    from pytest_llmeval.report.verdict import gate_lines

    told = [each for each in comparisons if paper.verbosity == -1 or each.gate != "passed"]
    several = len(comparisons) > 1
    lines: list[Line] = []
    for each in told:
        lines += gate_lines(paper, each, name=each.candidate.model if several else "")
        lines += error_head(paper, each, indent=2)
    return lines
