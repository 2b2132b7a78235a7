"""Choose a model for each task: the cheapest that was shown to be as good as production."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_llmeval.analysis.compare import DEFAULTS, WHOLE, Extent, Rules, Side, any_failure, compare, families_of
from pytest_llmeval.analysis.comparison import UNMEASURED, Comparison, Results
from pytest_llmeval.analysis.measure import Figures
from pytest_llmeval.analysis.sides.copies import without_copies
from pytest_llmeval.config.settings import GateSettings
from pytest_llmeval.stats.cost import Estimate
from pytest_llmeval.stats.intervals import largest_rise
from pytest_llmeval.stats.strata import Stratum, by_family
from pytest_llmeval.text import plural

Fitness = Literal["fits", "regressed", "too many errors", "not shown to be as good", "not enough data"]

ALPHA = 0.05  # the chance that any of a task's candidates fits though it loses more than it may
MAX_ERRORS = 0.05  # the largest share of samples that may be without a judgement
MAX_LOSS = GateSettings().max_loss
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One model on one task.

    Attributes:
        baseline: whether the others are compared with it; it fits unless it has too many errors.
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
        max_loss: how much larger a chosen model's share of failing answers may be, as a fraction.
    """

    task: str
    model: str | None
    reason: str
    choices: tuple[Choice, ...]
    max_loss: float = MAX_LOSS


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


def routes_of(comparisons: Sequence[Comparison], rules: Rules = DEFAULTS) -> list[TaskRoute]:
    """The routes that follow from comparing candidates with one baseline.

    Args:
        comparisons: one for each candidate.
        rules: how error categories are gated, and ``max_loss``. Its budgets are for all cases, not for those of a task.

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
    return route(compare_by_task(baseline, candidates, Rules(rules.categories)), rules.budgets.max_loss)


def route(comparisons: Mapping[str, Sequence[Comparison]], max_loss: float = MAX_LOSS) -> list[TaskRoute]:
    """Choose a model for every task.

    A candidate fits when it fails no more than the baseline on these cases and was shown not to be worse by more than
    `max_loss` (a test of non-inferiority, Holm's over the candidates of the task), when no gated category regressed or
    is undecided, and when few of its samples are errors. Of the models that fit, including the baseline, the one with
    the lowest cost per resolved answer is chosen.

    Args:
        comparisons: per task one comparison for each candidate, all with the same baseline.
        max_loss: how much larger a candidate's share of failing answers may be, as a fraction.
    """
    routes = []
    for task, compared in comparisons.items():
        if not compared:
            continue
        losses = _losses(compared, max_loss)
        candidates = [_candidate(each, loss, max_loss) for each, loss in zip(compared, losses, strict=True)]
        choices = [_baseline(compared[0]), *candidates]
        choices.sort(key=lambda choice: (math.inf if choice.cost is None else choice.cost.value, not choice.baseline))
        routes.append(_chosen(task, choices, max_loss))
    return routes


def _chosen(task: str, choices: Sequence[Choice], max_loss: float) -> TaskRoute:
    fitting = [choice for choice in choices if choice.fitness == "fits"]
    priced = [choice for choice in fitting if choice.cost is not None]
    model: str | None = None
    if not fitting:
        lacking = any(each.fitness.startswith("not ") for each in choices)
        reason = "not enough data" if lacking else "no model fits"
    elif len(fitting) == 1:
        model, reason = fitting[0].model, "the only model that fits"
    elif not priced:
        reason = "not enough data: no cost of a resolved answer is known"
    else:
        model, reason = priced[0].model, "the cheapest that fits"
        unpriced = [choice.model for choice in fitting if choice.cost is None]
        if unpriced:
            reason += f" of those with a known price ({', '.join(unpriced)} fits too)"
    return TaskRoute(task=task, model=model, reason=reason, choices=tuple(choices), max_loss=max_loss)


def _baseline(comparison: Comparison) -> Choice:
    results = comparison.baseline_results
    fitness, reason = _errors(results)
    if not comparison.baseline.samples:
        fitness, reason = "not enough data", "no answer could be judged"
    cases = sum(bool(result.judged) for result in results.values())
    return _choice(comparison.baseline, results, fitness, reason, cases, baseline=True)


def _losses(comparisons: Sequence[Comparison], max_loss: float) -> list[float]:
    """How much larger each candidate's share of failing answers could be, as a fraction.

    By Holm's procedure: the more candidates are not yet shown to be as good, the higher the confidence of the bound.
    """
    strata = [_by_family(comparison) for comparison in comparisons]
    losses = [1.0] * len(strata)
    left = list(range(len(strata)))
    while left:
        for place in left:
            losses[place] = largest_rise(strata[place], 1 - 2 * ALPHA / len(left))
        shown = [place for place in left if losses[place] <= max_loss]
        left = [place for place in left if place not in shown] if shown else []
    return losses


def _by_family(comparison: Comparison) -> list[Stratum]:
    """Any failure on both sides, the cases of a family together."""
    cases = comparison.compared
    before, after = without_copies(comparison.baseline_results), without_copies(comparison.candidate_results)
    return by_family(any_failure(cases, before, after), families_of(after, cases))


def _candidate(comparison: Comparison, loss: float, max_loss: float) -> Choice:
    fitness, reason = _errors(comparison.candidate_results)
    # The worst row comes first.
    regressed = [row for row in comparison.rows if row.gated and row.word == "REGRESSED"]
    undecided = [row for row in comparison.rows if row.gated and row.word == "INCONCLUSIVE"]
    change = comparison.total.change
    if regressed:
        fitness, reason = "regressed", f"{regressed[0].name} rose from {regressed[0].counts}"
    elif fitness != "fits":
        pass
    elif comparison.gate == "not evaluated":
        fitness, reason = "not enough data", comparison.reasons[0]
    elif undecided:
        row = undecided[0]
        more = "" if row.samples_needed is None else f"; {row.samples_needed} samples per case would settle it"
        fitness, reason = "not shown to be as good", f"{row.name} rose from {row.counts}, which could be noise{more}"
    elif comparison.gate == "failed":
        unmeasured = any(UNMEASURED in reason for reason in comparison.reasons)
        fitness, reason = ("not enough data" if unmeasured else "regressed"), comparison.reasons[0]
    elif not comparison.compared:
        fitness, reason = "not enough data", "no case was judged under both models"
    elif change > ROUNDING or loss > max_loss:
        failed = f"failed {100 * change:.1f} points more" if change > ROUNDING else ""
        hidden = f"could fail up to {math.ceil(100 * loss - ROUNDING)} points more" if loss > max_loss else ""
        told = " and ".join(filter(None, (failed, hidden)))
        fitness, reason = "not shown to be as good", f"{told}, going by {plural(len(comparison.compared), 'case')}"
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
        cost=figures.cost_per_resolved,
    )


def _errors(results: Results) -> tuple[Fitness, str]:
    samples = sum(len(result.samples) for result in results.values())
    errors = samples - sum(len(result.answered) for result in results.values())
    share = errors / samples if samples else 0.0
    if share > MAX_ERRORS:
        return "too many errors", f"{share:.0%} of its samples could not be judged; at most {MAX_ERRORS:.0%} is allowed"
    return "fits", ""
