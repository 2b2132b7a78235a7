"""What a summary tells beside the gate: by task, by length, by wording, and which model for which task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_llmeval.report.lines import Line, Paper
from pytest_llmeval.run import CaseResult

if TYPE_CHECKING:
    from pytest_llmeval.comparison import Comparison
    from pytest_llmeval.routing import Route
    from pytest_llmeval.sensitivity import Sensitivity

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
    found: list[list[Line]] = []
    # What nothing can be said about is not imported: most summaries are short.
    if any(_is_of_a_slice(result) for results in models.values() for result in results):
        from pytest_llmeval.report.slices import length_lines, tag_lines, task_lines

        tags = tag_lines(paper, models) if paper.verbosity > 0 else []
        found = [task_lines(paper, models), _routes(paper, routes), tags, length_lines(paper, models)]
    else:
        found = [_routes(paper, routes)]
    sensitivities = _sensitivities(models)
    if sensitivities:
        from pytest_llmeval.report.sensitivity import wording_lines

        found.append(wording_lines(paper, sensitivities, worst_of=candidates))
    return [lines for lines in found if lines]


def _is_of_a_slice(result: CaseResult) -> bool:
    calls = (call for sample in result.samples for call in sample.calls)
    # Below 1,000 input tokens all are in one bucket.
    return bool(result.task or result.tags) or any((call.answer.usage.input_tokens or 0) >= 1_000 for call in calls)


def _routes(paper: Paper, routes: Sequence[Route]) -> list[Line]:
    if not routes:
        return []
    from pytest_llmeval.report.routes import route_lines

    return route_lines(paper, routes)


def in_short(comparison: Comparison) -> str:
    """What rewording does to the candidate, in a few words; "" where no case was reworded."""
    name = comparison.candidate.model
    sensitivities = _sensitivities({name: list(comparison.candidate_results.values())})
    if not sensitivities:
        return ""
    from pytest_llmeval.report.sensitivity import wording_words

    return wording_words(sensitivities, name)


def results_of(comparisons: Sequence[Comparison]) -> Results:
    """The results of the baseline and of every candidate, by model."""
    first = comparisons[0]
    after = {each.candidate.model: list(each.candidate_results.values()) for each in comparisons}
    name = first.baseline.model
    return {f"{name} (baseline)" if name in after else name: list(first.baseline_results.values())} | after


def _sensitivities(models: Results) -> dict[str, Sensitivity]:
    if not any(result.wording for results in models.values() for result in results):
        return {}
    from pytest_llmeval.sensitivity import sensitivity

    found = {name: sensitivity(results) for name, results in models.items()}
    return {name: each for name, each in found.items() if each is not None}
