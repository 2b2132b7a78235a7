"""What a summary tells beside the gate: by task, by length, by wording, and which model for which task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_llmeval.comparison import Comparison
from pytest_llmeval.report.lines import Line, Paper
from pytest_llmeval.report.routes import route_lines
from pytest_llmeval.report.sensitivity import wording_lines, wording_words
from pytest_llmeval.report.slices import length_lines, tag_lines, task_lines
from pytest_llmeval.routing import Route
from pytest_llmeval.run import CaseResult
from pytest_llmeval.sensitivity import Sensitivity, sensitivity

__all__ = ["in_short", "results_of", "sections"]

Results = Mapping[str, Sequence[CaseResult]]


def sections(
    paper: Paper, models: Results, *, candidates: Sequence[str], routes: Sequence[Route] = ()
) -> list[list[Line]]:
    """One section for each of these that has something to say.

    Args:
        paper: what it is written on.
        models: every model's results.
        candidates: the models whose worst wordings are named.
        routes: which model for which task.
    """
    found = [
        task_lines(paper, models),
        route_lines(paper, routes),
        tag_lines(paper, models) if paper.verbosity > 0 else [],
        length_lines(paper, models),
        wording_lines(paper, _sensitivities(models), worst_of=candidates),
    ]
    return [lines for lines in found if lines]


def in_short(comparison: Comparison) -> str:
    """What rewording does to the candidate, in a few words; "" where no case was reworded."""
    name = comparison.candidate.model
    return wording_words(_sensitivities({name: list(comparison.candidate_results.values())}), name)


def results_of(comparisons: Sequence[Comparison]) -> Results:
    """The results of the baseline and of every candidate, by model."""
    first = comparisons[0]
    after = {each.candidate.model: list(each.candidate_results.values()) for each in comparisons}
    name = first.baseline.model
    return {f"{name} (baseline)" if name in after else name: list(first.baseline_results.values())} | after


def _sensitivities(models: Results) -> dict[str, Sensitivity]:
    found = {name: sensitivity(results) for name, results in models.items()}
    return {name: each for name, each in found.items() if each is not None}
