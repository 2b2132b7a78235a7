"""Sections of the summary: by task, by length, by wording, and what the session did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_llmeval.report.numbers import dollars
from pytest_llmeval.report.paper import Line, Paper
from pytest_llmeval.runs.billed import Billed
from pytest_llmeval.runs.results import CaseResult
from pytest_llmeval.text import plural

if TYPE_CHECKING:
    from pytest_llmeval.analysis.comparison import Comparison
    from pytest_llmeval.analysis.measure import Figures
    from pytest_llmeval.analysis.routing import TaskRoute
    from pytest_llmeval.analysis.sensitivity import Sensitivity

Results = Mapping[str, Sequence[CaseResult]]


def sections(
    paper: Paper, models: Results, *, candidates: Sequence[str], routes: Sequence[TaskRoute] = ()
) -> list[list[Line]]:
    """The sections that have something to say, for every model's results.

    Args:
        paper: the terminal.
        models: the results by model.
        candidates: the models whose worst wordings are named.
        routes: which model for which task.
    """
    found: list[list[Line]] = []
    # Most summaries have none of these, and do not pay for the import.
    if routes or any(_is_of_a_slice(result) for results in models.values() for result in results):
        from pytest_llmeval.report.breakdown import length_lines, route_lines, tag_lines, task_lines

        tags = tag_lines(paper, models) if paper.verbosity > 0 else []
        found = [task_lines(paper, models), route_lines(paper, routes), tags, length_lines(paper, models)]
    if paper.verbosity > 0:
        from pytest_llmeval.report.breakdown import field_lines

        found.append(field_lines(paper, models))
    sensitivities = _sensitivities(models)
    if sensitivities:
        from pytest_llmeval.report.breakdown import wording_lines

        found.append(wording_lines(paper, sensitivities, worst_of=candidates))
    return [lines for lines in found if lines]


def _is_of_a_slice(result: CaseResult) -> bool:
    # Below 1,000 input tokens all are in one bucket.
    long = any((call.answer.usage.input_tokens or 0) >= 1_000 for call in result.calls)
    return long or bool(result.task or result.tags)


def in_short(comparison: Comparison) -> str:
    """What rewording does to the candidate, on one line; "" where no case was reworded."""
    found = _sensitivities({"": list(comparison.candidate_results.values())})
    if not found:
        return ""
    from pytest_llmeval.report.breakdown import wording_words

    return wording_words(found[""])


def results_of(comparisons: Sequence[Comparison]) -> Results:
    """The results of the baseline and of every candidate, by model."""
    first = comparisons[0]
    after = {each.candidate.model: list(each.candidate_results.values()) for each in comparisons}
    name = first.baseline.model
    return {f"{name} (baseline)" if name in after else name: list(first.baseline_results.values())} | after


def _sensitivities(models: Results) -> dict[str, Sensitivity]:
    if not any(result.wording for results in models.values() for result in results):
        return {}
    from pytest_llmeval.analysis.sensitivity import sensitivity

    found = {name: sensitivity(results) for name, results in models.items()}
    return {name: each for name, each in found.items() if each is not None}


def called_now(comparisons: Sequence[Comparison]) -> list[Figures]:
    """The models that ran in this session: the candidates, and the baseline unless it was saved."""
    first = comparisons[0]
    baseline = [] if first.saved else [first.baseline]
    return [*baseline, *(comparison.candidate for comparison in comparisons)]


def facts(paper: Paper, models: Sequence[Figures], besides: Billed) -> list[Line]:
    """Cases and samples, calls replayed and live, money spent now; `besides` were billed and are in no result."""
    most = max(models, key=lambda figures: (figures.cases, figures.samples))
    live, replayed = besides.calls + sum(each.live for each in models), sum(each.replayed for each in models)
    calls = f"{plural(replayed, 'call')} replayed" + (f", {live} live" if live else "")
    if not replayed:
        calls = plural(live, "live call") if live else "no calls"
    judging = sum(each.judge_calls for each in models)
    if judging:
        costs = [each.judge_cost for each in models]
        cost = "" if None in costs else f" (${dollars(sum(each or 0.0 for each in costs))})"
        calls += f", {judging} of judges{cost}"
    if besides.calls:
        calls += f", {besides.calls} of them in no result"
    spent = spent_words(models, besides)
    return paper.write(f" {paper.dot} ".join([cases_words(paper, most), calls, *spent]), hang=2)


def billed_alone(paper: Paper, besides: Billed) -> list[Line]:
    """What a session has spent that has no result."""
    if not besides.calls:
        return []
    calls = f"{plural(besides.calls, 'live call')} in no result"
    return paper.write(f" {paper.dot} ".join([calls, *spent_words([], besides)]), hang=2)


def cases_words(paper: Paper, figures: Figures) -> str:
    """As in ``48 cases x 5 samples``."""
    cases = plural(figures.cases - figures.reworded, "case")
    if figures.reworded:
        cases += f" in {plural(figures.cases, 'wording')}"
    if figures.samples + figures.unverified_answers == figures.most_samples * (figures.cases - figures.errors):
        return f"{cases} {paper.times} {plural(figures.most_samples, 'sample')}"
    each = "" if figures.reworded else " each"  # for a line of 80 columns
    return f"{cases}, up to {plural(figures.most_samples, 'sample')}{each}"


def spent_words(models: Sequence[Figures], besides: Billed) -> list[str]:
    """What was spent in this session, on results and besides."""
    spent = [figures.spent for figures in models]
    if besides.calls:
        spent += [None if besides.calls == besides.unpriced else besides.spent, None if besides.unpriced else 0.0]
    known = [amount for amount in spent if amount is not None]
    if not besides.calls and not any(figures.live for figures in models):
        return ["nothing spent"]
    if len(known) < len(spent):
        if sum(known):
            return [f"${dollars(sum(known))} spent, and calls of unknown cost"]
        unknown = [figures for figures in models if figures.spent is None]
        why = "no token counts" if any(figures.uncounted for figures in unknown) else "no price" if unknown else ""
        return [f"cost unknown ({why})" if why else "cost unknown"]
    return [f"${dollars(sum(known))} spent"]
