"""Choose a model for each task: the cheapest that fits, where there is enough data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_llmeval.analysis.compare import DEFAULTS, WHOLE, Extent, Rules, Side, compare
from pytest_llmeval.analysis.comparison import UNMEASURED, Comparison, Results
from pytest_llmeval.analysis.measure import Figures
from pytest_llmeval.analysis.plan import Expected, smallest_rise
from pytest_llmeval.config.settings import CategorySettings
from pytest_llmeval.stats.cost import Estimate
from pytest_llmeval.stats.gate import GateRules

Fitness = Literal["fits", "regressed", "too many errors", "not enough data"]

MAX_ERRORS = 0.05  # the largest share of samples that may be without a judgement
MUST_FIND = 0.20  # the rise of all failures that the comparison must have been able to find


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One model on one task.

    Attributes:
        baseline: whether the others are compared with it; it cannot regress.
        reason: the evidence in one sentence, "" for a model that fits.
        cases: how many cases were judged under it, and for a candidate under the baseline too.
        samples: how many answers were judged.
        passed: how many of these passed.
        cost: USD per answer that passed; None when a price is unknown or nothing passed.
    """

    model: str
    baseline: bool
    fitness: Fitness
    reason: str
    cases: int
    samples: int
    passed: int
    cost: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRoute:
    """The model for one task.

    Attributes:
        task: the task, "" for the cases without one.
        model: the cheapest that fits; None when none does, or when no price is known.
        reason: for this choice, in one sentence.
        choices: every model, the cheapest first, those without a known cost last.
    """

    task: str
    model: str | None
    reason: str
    choices: tuple[Choice, ...]


def compare_by_task(
    baseline: Side, candidates: Sequence[Side], rules: Rules = DEFAULTS, extent: Extent = WHOLE
) -> dict[str, list[Comparison]]:
    """Compare every candidate with the baseline, task by task.

    Returns:
        Per task, in order of appearance, one comparison per candidate; the task is "" for the cases without one.
    """
    sides = (*candidates, baseline)
    task_of = {key: result.task or "" for side in sides for key, result in side.results.items()}

    def of_task(side: Side, task: str) -> Side:
        return side._replace(results={key: each for key, each in side.results.items() if task_of[key] == task})

    return {
        task: [compare(of_task(baseline, task), of_task(each, task), rules, extent) for each in candidates]
        for task in dict.fromkeys(task_of.values())
    }


def routes_of(comparisons: Sequence[Comparison], categories: Mapping[str, CategorySettings]) -> list[TaskRoute]:
    """The routes that follow from comparing candidates with one baseline.

    Returns:
        One per task; none when no case has a task, when a gate was not evaluated, or when a candidate has the
        baseline's name, so that there is nothing to choose.
    """
    names = [comparison.candidate.model for comparison in comparisons]
    if not comparisons or comparisons[0].baseline.model in names:
        return []
    tasks = any(result.task for comparison in comparisons for result in comparison.candidate_results.values())
    if not tasks or any(comparison.gate == "not evaluated" for comparison in comparisons):
        return []
    first = comparisons[0]
    baseline = Side(first.baseline.model, first.baseline_results, saved=first.saved)
    candidates = [Side(each.candidate.model, each.candidate_results) for each in comparisons]
    return route(compare_by_task(baseline, candidates, Rules(categories)))


def route(comparisons: Mapping[str, Sequence[Comparison]]) -> list[TaskRoute]:
    """Choose a model for every task.

    A candidate fits when no gated category regressed or is undecided, when few of its samples are errors, and when the
    comparison had an 80 % chance to find a rise of its failures by `MUST_FIND`. Of the models that fit, including the
    baseline, the one with the lowest cost per passed answer is chosen.

    Args:
        comparisons: per task one comparison for each candidate, all with the same baseline.
    """
    routes = []
    for task, compared in comparisons.items():
        if not compared:
            continue
        choices = [_baseline(compared[0]), *map(_candidate, compared)]
        choices.sort(key=lambda choice: (math.inf if choice.cost is None else choice.cost.value, not choice.baseline))
        routes.append(_chosen(task, choices))
    return routes


def _chosen(task: str, choices: Sequence[Choice]) -> TaskRoute:
    fitting = [choice for choice in choices if choice.fitness == "fits"]
    priced = [choice for choice in fitting if choice.cost is not None]
    model: str | None = None
    if not fitting:
        reason = "not enough data" if any(c.fitness == "not enough data" for c in choices) else "no model fits"
    elif len(fitting) == 1:
        model, reason = fitting[0].model, "the only model that fits"
    elif not priced:
        reason = "not enough data: no price is known"
    else:
        model, reason = priced[0].model, "the cheapest that fits"
        unpriced = [choice.model for choice in fitting if choice.cost is None]
        if unpriced:
            reason += f" of those with a known price ({', '.join(unpriced)} fits too)"
    return TaskRoute(task=task, model=model, reason=reason, choices=tuple(choices))


def _baseline(comparison: Comparison) -> Choice:
    results = comparison.baseline_results
    fitness, reason = _errors(results)
    if not comparison.baseline.samples:
        fitness, reason = "not enough data", "no answer could be judged"
    cases = sum(bool(result.judged) for result in results.values())
    return _choice(comparison.baseline, results, fitness, reason, cases, baseline=True)


def _candidate(comparison: Comparison) -> Choice:
    fitness, reason = _errors(comparison.candidate_results)
    # The worst row comes first.
    regressed = [row for row in comparison.rows if row.gated and row.word == "REGRESSED"]
    undecided = [row for row in comparison.rows if row.gated and row.word == "INCONCLUSIVE"]
    finds = _finds(comparison)
    if regressed:
        fitness, reason = "regressed", f"{regressed[0].name} rose from {regressed[0].counts}"
    elif fitness != "fits":
        pass
    elif comparison.gate == "not evaluated":
        fitness, reason = "not enough data", comparison.reasons[0]
    elif undecided:
        row = undecided[0]
        more = "" if row.samples_needed is None else f"; {row.samples_needed} samples per case would settle it"
        fitness, reason = "not enough data", f"{row.name} rose from {row.counts}, which could be noise{more}"
    elif comparison.gate == "failed":
        unmeasured = any(UNMEASURED in reason for reason in comparison.reasons)
        fitness, reason = ("not enough data" if unmeasured else "regressed"), comparison.reasons[0]
    elif finds is None or finds > MUST_FIND:
        rise = "no rise could be found" if finds is None else f"only a rise by {100 * finds:.0f} points would be found"
        fitness, reason = "not enough data", f"{rise} in {len(comparison.compared)} cases"
    return _choice(comparison.candidate, comparison.candidate_results, fitness, reason, len(comparison.compared))


def _choice(
    figures: Figures, results: Results, fitness: Fitness, reason: str, cases: int, *, baseline: bool = False
) -> Choice:
    return Choice(
        model=figures.model,
        baseline=baseline,
        fitness=fitness,
        reason=reason,
        cases=cases,
        samples=figures.samples,
        passed=sum(sample.outcome == "pass" for result in results.values() for sample in result.judged),
        cost=figures.resolved_answer_cost,
    )


def _errors(results: Results) -> tuple[Fitness, str]:
    samples = sum(len(result.samples) for result in results.values())
    errors = samples - sum(len(result.judged) for result in results.values())
    share = errors / samples if samples else 0.0
    if share > MAX_ERRORS:
        return "too many errors", f"{share:.0%} of its samples could not be judged; at most {MAX_ERRORS:.0%} may be so"
    return "fits", ""


def _finds(comparison: Comparison) -> float | None:
    """The smallest rise of all failures that this comparison had an 80 % chance to find, as a fraction."""
    cases = len(comparison.compared)
    total = comparison.total
    if not cases or total.baseline_failed == total.baseline_judged:
        return None
    return smallest_rise(
        cases,
        max(1, total.baseline_judged // cases),
        max(1, total.candidate_judged // cases),
        Expected(name="", rate=total.baseline_failed / total.baseline_judged),
        level=GateRules().alpha,
    )
