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


def summary(
    comparisons: Sequence[Comparison],
    figures: Sequence[Figures],
    results: Iterable[CaseResult] = (),
    *,
    routes: Sequence[Route] = (),
    width: int = 80,
    ascii: bool = False,  # noqa: A002
    verbosity: int = 0,
    show: str = "--llm-show",
    alone: bool = False,
    listed: bool = False,
) -> list[Line]:
    """The report of a session as lines.

    Args:
        comparisons: one per candidate, all with the same baseline; empty when there is no baseline.
        figures: every model of the session; not needed below verbosity 0.
        results: the session's results, for the error categories when nothing was compared.
        routes: which model for which task.
        width: columns of the terminal; no line is wider, from 24 columns on.
        ascii: whether only ASCII may be written.
        verbosity: as pytest counts it: 1 shows every case, -1 the gates alone, -2 only a gate that failed.
        show: the option that lists a category's cases.
        alone: whether the model on trial is the baseline itself.
        listed: whether a category's cases are listed behind it, so that they need not stand here too.
    """
    paper = Paper(width=max(width, 24), ascii=ascii, verbosity=verbosity, show=show, listed=listed)
    if verbosity < 0:
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
    comparison: Comparison,
    name: str,
    *,
    width: int = 80,
    ascii: bool = False,  # noqa: A002
    verbosity: int = 0,
) -> list[Line]:
    """The cases of one error category with the changed words.

    Args:
        comparison: of a candidate with the baseline.
        name: the error category.
        width: columns of the terminal; no line is wider, from 24 columns on.
        ascii: whether only ASCII may be written.
        verbosity: 1 shows long replies whole and the cases that fail under both in detail.
    """
    from pytest_llmeval.report.category import category_cases

    paper = Paper(width=max(width, 24), ascii=ascii, verbosity=verbosity)
    return no_commands(category_cases(paper, comparison, name))


def verdict(
    comparisons: Sequence[Comparison],
    *,
    width: int = 80,
    ascii: bool = False,  # noqa: A002
    show: str = "--llm-show",
    verbosity: int = 1,
    listed: bool = False,
) -> list[Line]:
    """The gates and what to do next, for the end of a long report; nothing where nothing was compared.

    Args:
        comparisons: one per candidate.
        width: columns of the terminal; no line is wider, from 24 columns on.
        ascii: whether only ASCII may be written.
        show: the option that lists a category's cases.
        verbosity: as pytest counts it.
        listed: whether that option was given.
    """
    from pytest_llmeval.report.several_models import next_of
    from pytest_llmeval.report.verdict import gate_lines

    paper = Paper(width=max(width, 24), ascii=ascii, verbosity=verbosity, show=show)
    names = [each.candidate.model if len(comparisons) > 1 else "" for each in comparisons]
    lines = [line for each, name in zip(comparisons, names, strict=True) for line in gate_lines(paper, each, name=name)]
    return no_commands(lines if listed else lines + next_of(paper, comparisons))


def list_category_alone(
    results: Sequence[CaseResult],
    name: str,
    *,
    width: int = 80,
    ascii: bool = False,  # noqa: A002
    verbosity: int = 0,
) -> list[Line]:
    """The cases that fail in one error category where nothing is compared.

    Args:
        results: of the session.
        name: the error category.
        width: as for `list_category`, and so are the others.
    """
    from pytest_llmeval.report.category import category_cases_alone

    paper = Paper(width=max(width, 24), ascii=ascii, verbosity=verbosity)
    return no_commands(category_cases_alone(paper, results, name))


def every_measure(
    figures: Sequence[Figures],
    *,
    width: int = 80,
    ascii: bool = False,  # noqa: A002
) -> list[Line]:
    """Every measure of every model with its interval and what it rests on.

    Args:
        figures: every model of the session.
        width: columns of the terminal; no line is wider, from 24 columns on.
        ascii: whether only ASCII may be written.
    """
    from pytest_llmeval.report.figures import measures_lines

    return no_commands(measures_lines(Paper(width=max(width, 24), ascii=ascii), figures))


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
